"""Training encoders against the index that they serve: negatives, losses, STAR, ADORE and BPR.

Names are loaded when they are first used, so that `import spaniel.training` costs next to nothing; torch is the extra
`train`.
"""
