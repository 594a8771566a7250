#!/bin/sh
# Makes Temporal's index template and each index that is named. Safe to repeat. ES_SERVER is read by the tool too.
set -eu

temporal-elasticsearch-tool setup-schema
for index in "$@"; do
    temporal-elasticsearch-tool create-index --index "$index"
    # An index that is older than the template has no mappings, and Temporal's searches would find nothing in it.
    if ! mapping=$(curl -sSf "$ES_SERVER/$index/_mapping"); then
        echo "index $index: $ES_SERVER does not say what it maps. Nothing is known to be wrong with the index." >&2
        exit 1
    fi
    fields=$(printf %s "$mapping" | grep -o '"type":' | wc -l)
    if [ "$fields" -lt 40 ]; then
        echo "index $index has $fields mapped fields, Temporal needs more than 40: it was made without the template." >&2
        echo "Mend it with: cargo xtask schema --only es-monitored --only es-copilot --overwrite" >&2
        exit 1
    fi
    echo "index $index is ready: $fields mapped fields"
done
