"""Read a TOML file into typed settings; report every problem at once, with place and remedy."""
