"""The three platforms behind one port: `port` is the contract, one package per platform keeps it."""
