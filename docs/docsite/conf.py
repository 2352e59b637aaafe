# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sphinx' configuration for the reference of modules, roles and plugins; tests/tools/build-docs builds it."""

project = "honeycomb.cloud"
copyright = "the honeycomb.cloud contributors"
html_title = "honeycomb.cloud"

extensions = ["sphinx_antsibull_ext"]
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
html_theme = "alabaster"
html_theme_options = {"page_width": "1200px"}
html_show_sphinx = False
html_use_index = False
html_copy_source = False

# The pages name chapters of Ansible's own documentation, which this build cannot see: it uses no network.
# References within the collection are checked by `antsibull-docs lint-collection-docs --plugin-docs`.
suppress_warnings = ["ref.ref", "ref.envvar"]
