"""How weights meet values, mechanism by mechanism, for those who bring weights of another origin."""
