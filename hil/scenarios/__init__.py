"""The scenarios: what each board must do, as tests that `hil.plugin` runs on every bench."""
