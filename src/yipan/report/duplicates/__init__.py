"""The same person entered twice: pairs proposed by linkage, decided by people, reversibly."""
