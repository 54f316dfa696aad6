package layer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/layer"
)

func TestChanges(t *testing.T) {
	type c = layer.Changes
	n := func(files int, bytes int64) layer.Count { return layer.Count{Files: files, Bytes: bytes} }
	for _, k := range []struct {
		name  string
		below string
		top   string
		want  c
	}{
		{"new", "a=1", "b=22 d/ d/x=333", c{Added: n(2, 5)}},
		{"changed", "a=1", "a=22", c{Changed: n(1, 2), Replaced: 1}},
		{"twice in one layer", "a=1", "b=1 b=22", c{Added: n(1, 2)}},
		{"whiteout", "a=1 b=2", ".wh.a=", c{Hidden: n(1, 1)}},
		{"whiteout of a tree", "a/ a/b/ a/b/x=1 a/y=22", ".wh.a=", c{Hidden: n(2, 3)}},
		{"whiteout of nothing", "a=1", ".wh.b=", c{}},
		{"whiteout and back", "a/ a/x=1 a/y=22", ".wh.a= a/ a/x=333", c{Changed: n(1, 3), Replaced: 1, Hidden: n(1, 2)}},
		{"opaque", "a/ a/x=1 a/y=22", "a/ a/.wh..wh..opq= a/z=1 a/y=333", c{Added: n(1, 1), Changed: n(1, 3), Replaced: 2, Hidden: n(1, 1)}},
		{"opaque at the root", "a=1 b/ b/x=22", ".wh..wh..opq= b/ b/x=1", c{Changed: n(1, 1), Replaced: 2, Hidden: n(1, 1)}},
		{"folder becomes file", "a/ a/x=1 a/y=22", "a=4444", c{Added: n(1, 4), Hidden: n(2, 3)}},
		{"file becomes folder", "a=1", "a/ a/x=22", c{Added: n(1, 2), Hidden: n(1, 1)}},
		{"file becomes implicit folder", "a=1", "a/x=22", c{Added: n(1, 2), Hidden: n(1, 1)}},
		{"folder again", "a/ a/x=1", "a/", c{}},
		{"a hard link is one more file", "a=22", "b<a", c{Added: n(1, 0)}},
		{"one name of two goes", "a=22 b<a", ".wh.a=", c{Hidden: n(1, 0)}},
		{"both names go", "a=22 b<a", ".wh.a= .wh.b=", c{Hidden: n(2, 2)}},
		{"one of two names changes", "a=22 b<a", "a=1", c{Changed: n(1, 1)}},
		{"through a link", "usr/ usr/bin/ usr/bin/sh=1 bin>usr/bin", "bin/sh=22", c{Changed: n(1, 2), Replaced: 1}},
	} {
		_, v, _ := merge(t, k.below, k.top)
		require.Equal(t, k.want, v.Changes(), k.name)
	}
}
