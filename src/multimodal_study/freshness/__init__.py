"""Nothing twice, nothing stale: which nodes must run, decided before anything runs.

A node's fingerprint covers its code, its parameters, the versions of the libraries and the
fingerprints of what it reads. A node runs when an output is missing or damaged, when its
fingerprint changed, or when a node above it runs.
"""
