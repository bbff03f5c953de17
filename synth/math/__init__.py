"""Answers to mathematical problems: found, compared, agreed on (`verify`), and their arithmetic worked again."""
