module csi-interface

go 1.25.0

require github.com/container-storage-interface/spec v1.13.0
