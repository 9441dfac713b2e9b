#!/bin/sh
# Takes the pictures in docs/images: log lines, drawn by `preview --html` and `demo --html`, a made-up week, by
# `report --html`, and windows of made-up fleets, told by the code of the function, seen by Chromium.
#
# Needs cargo, Python, and these Debian packages: chromium imagemagick pngquant
# fonts-lato fonts-noto-cjk fonts-noto-color-emoji fonts-noto-mono
set -eu
cd "$(dirname "$0")/.."

for tool in chromium convert pngquant fc-list; do
    command -v "$tool" >/dev/null || {
        echo "pictures: $tool is missing; the packages to install are named in this script" >&2
        exit 1
    }
done
for font in Lato 'Noto Sans CJK JP' 'Noto Color Emoji' 'Noto Mono'; do
    [ -n "$(fc-list "$font")" ] || {
        echo "pictures: the font $font is missing; its package is named in this script" >&2
        exit 1
    }
done

cargo build --quiet --bin aurora-connection-audit --example draw-message
draw=${CARGO_TARGET_DIR:-target}/debug/examples/draw-message
cli=${CARGO_TARGET_DIR:-target}/debug/aurora-connection-audit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --no-sandbox: Chromium has no sandbox as root in a container, and the page is our own.
# The window is higher than any message; what is empty is trimmed.
# take PICTURE WINDOW COLOURS: of $work/page.html
take() {
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" \
        --force-device-scale-factor=1.5 --window-size="$2" \
        --screenshot="$work/page.png" "file://$work/page.html" >"$work/chromium.log" 2>&1 || {
        cat "$work/chromium.log" >&2
        exit 1
    }
    convert "$work/page.png" -trim -bordercolor white -border 24 +repage -strip "$work/trimmed.png"
    # No dithering: text stays sharp, and the file small.
    pngquant --nofs --force --speed 1 --strip --output "$1" "$3" "$work/trimmed.png"
}

mkdir -p docs/images
for language in ja en; do
    for name in connection busy refused; do
        picture=docs/images/$name.$language.png
        "$cli" preview "tests/fixtures/pictures/$name.log" --html "$work/page.html" \
            --language "$language" --region ap-northeast-1 --log-stream writer-1.0 \
            --log-group /aws/rds/cluster/aurora-postgresql-cluster/postgresql
        take "$picture" 680,1600 24
        echo "$picture: $(wc -c <"$picture") bytes"
    done
    # The last message of the demo is the access summary, the one before it a login after refusals.
    for name in summary let-in; do
        picture=docs/images/$name.$language.png
        "$cli" demo --language "$language" --html "$work/page.html" >/dev/null
        nth=$([ $name = summary ] && echo 1 || echo 2)
        echo "<style>article:not(:nth-last-child($nth)) { display: none }</style>" >>"$work/page.html"
        take "$picture" 680,1600 24
        echo "$picture: $(wc -c <"$picture") bytes"
    done
done

"$cli" report tests/fixtures/pictures/week.log.gz --cluster prod-orders --html "$work/page.html"
take docs/images/report.png 1160,1030 48

# As wide as a phone.
for clusters in 3 40 2000; do
    picture=docs/images/fleet-$clusters.png
    scripts/fleet-windows.py "$clusters" | "$cli" replay --language en | tail -n 1 |
        python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["messages"][0]["payload"]))' |
        "$draw" >"$work/page.html"
    take "$picture" 412,2400 24
    echo "$picture: $(wc -c <"$picture") bytes"
done
