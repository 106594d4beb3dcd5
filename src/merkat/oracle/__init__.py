"""What an oracle node does before it signs: recorded chains become the surfaces of a vector.

Nothing of this decides anything: a node's floats end in integers that the machine admits or refuses
(docs/spec/risk.md section 2). Calibration needs the extra `calibration` of the package.
"""
