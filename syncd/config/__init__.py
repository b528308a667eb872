"""From a TOML file to typed settings; every problem at once, each with its place and remedy."""
