"""Steps, plan, command line, engines, report: the only package that imports ray."""
