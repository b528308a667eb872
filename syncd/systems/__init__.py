"""The three platforms behind one port: `port` is the contract, each platform's package keeps it."""
