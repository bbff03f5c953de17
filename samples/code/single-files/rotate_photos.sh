#!/bin/sh
# Moves the pictures of a folder into one folder per month, by the date of the file.
# usage: rotate_photos.sh FOLDER [--dry-run]
set -eu

folder=${1:?"usage: rotate_photos.sh FOLDER [--dry-run]"}
dry_run=${2:-}

if [ ! -d "$folder" ]; then
    echo "rotate_photos: $folder is not a folder" >&2
    exit 2
fi

moved=0
for picture in "$folder"/*.jpg "$folder"/*.jpeg "$folder"/*.png; do
    [ -f "$picture" ] || continue # the pattern itself, when nothing matches
    month=$(date -r "$picture" +%Y-%m)
    target=$folder/$month
    if [ -e "$target/$(basename "$picture")" ]; then
        echo "rotate_photos: $target already has $(basename "$picture"), left alone" >&2
        continue
    fi
    if [ "$dry_run" = "--dry-run" ]; then
        echo "would move $picture to $target"
    else
        mkdir -p "$target"
        mv "$picture" "$target/"
    fi
    moved=$((moved + 1))
done
echo "$moved pictures"
