"""The student: vectors in which translations lie near each other."""
