"""The steps of the main job, one module each: folders in, tasks over parts, folders out."""
