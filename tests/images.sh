#!/usr/bin/env bash
# Builds the large real images once. usage: images.sh SCRIPTS FOLDER
set -euo pipefail
scripts=$(cd "$1" && pwd) || { echo "images: no scripts at $1; set IMAGE_SCRIPTS"; exit 1; }
mkdir -p "$2"
IMAGES=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")/.." && pwd)
export IMAGES WORK=${WORK:-$IMAGES/.work} PATH="$here/.cache/bin:$PATH"
[ -e "$IMAGES/.complete" ] && { echo "images: already in $IMAGES"; exit; }
for script in make-images.sh make-variants.sh make-big.sh; do
	[ -e "$scripts/$script" ] || continue
	echo "images: $script"
	bash "$scripts/$script" >"$IMAGES/$script.log" 2>&1 || { tail -20 "$IMAGES/$script.log"; exit 1; }
done
touch "$IMAGES/.complete"
