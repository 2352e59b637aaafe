# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run that begins with the cloud's CAs and nothing else can use the cluster: what proves it makes the administrator's access first."""

from __future__ import annotations

from pathlib import Path

import yaml
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import cas
from cryptography import x509
from playbook_alone import playbook_alone

REPOSITORY = Path(__file__).resolve().parents[3]


ACCESS = {"ansible.builtin.import_role": {"name": "honeycomb.cloud.kube_admin", "tasks_from": "present"}}


def run(folder: Path) -> str:
    declared = yaml.safe_load((REPOSITORY / "roles/kube_admin/meta/component.yml").read_text())["deployment_host_certificates"]
    variables = {
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "cloud_api_vip": "192.0.2.100",
        "cloud_name": "test",
        "cloud_state_dir": str(folder),
        "honeycomb_components": {"cas": ["kubernetes"], "deployment_host_certificates": declared},
    }
    (folder / "play.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "vars": variables, "tasks": [ACCESS]}]))
    done = playbook_alone(folder, "host1,host2,", "play.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_administrator_gets_a_kubeconfig_where_there_is_none(tmp_path):
    cas.create(str(tmp_path / "pki"), ["kubernetes"], "test", 100)
    ca = (tmp_path / "pki/kubernetes.crt").read_bytes()
    run(tmp_path)
    config = yaml.safe_load((tmp_path / "kubeconfig/admin.conf").read_text())
    assert config["clusters"][0]["cluster"]["server"] == "https://192.0.2.100:6443"
    certificate = x509.load_pem_x509_certificate(Path(config["users"][0]["user"]["client-certificate"]).read_bytes())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(ca))
    assert Path(config["clusters"][0]["cluster"]["certificate-authority"]).read_bytes().strip() == ca.strip()
    assert (tmp_path / "pki/kubernetes.crt").read_bytes() == ca, "the CA is the cloud's"
    assert "changed=0 " in run(tmp_path), "nothing is made where there is one"


def test_every_proof_that_asks_the_api_makes_it():
    parts = [*(REPOSITORY / "playbooks/verification").glob("*.yml"), *(REPOSITORY / "roles").glob("*/tasks/verify.yml")]
    asking = [text for text in (part.read_text() for part in parts) if "kubeconfig:" in text]
    assert asking
    assert all("tasks_from: present" in text for text in asking)
