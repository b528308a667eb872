"""The laboratory: emulated platforms, the simulator, the demo and the benchmark.

Nothing in here is needed to sync. It may import the product; of the product, only `cli` imports it,
for the commands `syncd sandbox`, `syncd simulate` and `syncd demo`.
"""
