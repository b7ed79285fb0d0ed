"""A GPU session as one script; `python -m lowabs_model.gpu_run --help` says how."""
