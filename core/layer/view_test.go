package layer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/layer"
)

func TestMerge(t *testing.T) {
	for _, c := range []struct {
		name   string
		layers []string
		want   string
	}{
		{"one layer", []string{"a/ a/x=1 b=2"}, "a/ a/x=1 b=2"},
		{"no layers", nil, ""},
		{"./ and / prefixes are the same path", []string{"./ ./a/ /a/x=1", "a/x=2 ./b=3 /c=4"}, "/ a/ a/x=2 b=3 c=4"},
		{"names stay in the root", []string{"../../a=1 b/../../c=2"}, "a=1 c=2"},
		{"missing parents", []string{"a/b/x=1"}, "a// a/b// a/b/x=1"},
		{"siblings by bytes, folder first", []string{"a-b=1 a/x=2 a=3", "a/ a/y=1 Z=0"}, "Z=0 a/ a/y=1 a-b=1"},
		{"last of one layer wins", []string{"a=1 a=2", "b=1 b/ b/x=2 b=3"}, "a=2 b=3"},

		{"whiteout", []string{"a=1 b=2", ".wh.a="}, "b=2"},
		{"whiteout of a tree", []string{"a/ a/b/ a/b/x=1 c=1", ".wh.a="}, "c=1"},
		{"whiteout hides lower only, before", []string{"a/ a/x=1", ".wh.a= a/ a/y=2"}, "a/ a/y=2"},
		{"whiteout hides lower only, after", []string{"a/ a/x=1", "a/ a/y=2 .wh.a="}, "a/ a/y=2"},
		{"whiteout and implicit parent", []string{"a/ a/x=1", "a/y=2 .wh.a="}, "a// a/y=2"},
		{"whiteout of nothing", []string{"a=1", ".wh.b= c/.wh.d="}, "a=1"},
		{"whiteout in the lowest layer", []string{"a=1 .wh.a="}, "a=1"},
		{"whiteout under a file", []string{"a=1", "a/.wh.x="}, "a=1"},
		{"whiteout of a link, not its target", []string{"a=1 b>a", ".wh.b="}, "a=1"},
		{"whiteout through a link", []string{"d/ d/x=1 l>d", "l/.wh.x="}, "d/ l>d"},
		{"whiteout through a link that is replaced", []string{"d/ d/x=1 l>d", "l/.wh.x= l/"}, "d/ d/x=1 l/"},
		{"whiteout of whiteout-like names", []string{"a=1 ..=2", ".wh.= .wh..= .wh...="}, "a=1"},
		{"whiteout then back", []string{"a=1", ".wh.a=", "a=3"}, "a=3"},

		{"opaque", []string{"a/ a/x=1 b=2", "a/ a/.wh..wh..opq= a/y=2"}, "a/ a/y=2 b=2"},
		{"opaque last", []string{"a/ a/x=1 a/s/ a/s/z=1", "a/y=2 a/s/q=1 a/.wh..wh..opq="}, "a/ a/s// a/s/q=1 a/y=2"},
		{"opaque at the root", []string{"a/ a/x=1 b=2", "c=1 .wh..wh..opq="}, "c=1"},
		{"opaque of ./", []string{"a=1", "./.wh..wh..opq= ./c=1"}, "c=1"},
		{"opaque of nothing", []string{"a=1", "q/.wh..wh..opq="}, "a=1"},
		{"other aufs names", []string{"a=1 .wh..wh.plnk/ .wh..wh.plnk/1.2=x .wh..wh.aufs=", ".wh..wh.orph/x=1 d/.wh..wh.z="}, "a=1"},

		{"dir becomes file", []string{"a/ a/x=1", "a=2"}, "a=2"},
		{"dir becomes link", []string{"a/ a/x=1 b/", "a>b"}, "a>b b/"},
		{"file becomes dir", []string{"a=1", "a/ a/x=2"}, "a/ a/x=2"},
		{"file becomes implicit dir", []string{"a=1", "a/x=2"}, "a// a/x=2"},
		{"dir over dir keeps children", []string{"a/ a/x=1", "a/ a/y=2"}, "a/ a/x=1 a/y=2"},
		{"dir over link replaces it", []string{"d/ d/x=1 l>d", "l/ l/y=2"}, "d/ d/x=1 l/ l/y=2"},
		{"file over link replaces it", []string{"d=1 l>d", "l=2"}, "d=1 l=2"},
		{"child of a link follows it", []string{"usr/ usr/bin/ bin>usr/bin", "bin/sh=1"}, "bin>usr/bin usr/ usr/bin/ usr/bin/sh=1"},
		{"child of an absolute link", []string{"usr/bin/ bin>/usr/bin", "bin/sh=1"}, "bin>/usr/bin usr// usr/bin/ usr/bin/sh=1"},
		{"links stay in the root", []string{"a/ a/l>../../../etc", "a/l/x=1"}, "a/ a/l>../../../etc etc// etc/x=1"},
		{"child of a dangling link", []string{"l>no/where", "l/x=1"}, "l>no/where no// no/where// no/where/x=1"},
		{"links of links", []string{"a>b b>c c/", "a/x=1"}, "a>b b>c c/ c/x=1"},

		{"hard link", []string{"a=1 b<a"}, "a=1 b<a"},
		{"rewritten target keeps old content", []string{"t1=old t2<t1 t3<t1", "t1=new"}, "t1=new t2=old t3<t2"},
		{"removed target", []string{"a=1 b<a", ".wh.a="}, "b=1"},
		{"target in a lower layer", []string{"d/ d/a=1", "b<d/a"}, "b=1 d/ d/a<b"},
		{"target through a link", []string{"d/ d/a=1 l>d b<l/a"}, "b=1 d/ d/a<b l>d"},
		{"hard link to a symbolic link", []string{"a=1 s>a h<s"}, "a=1 h>a s<h"},
		{"target comes later", []string{"b<a a=1"}, "a=1 b<a"},
		{"targets come later", []string{"c<b b<a a=1", "z<y y=2"}, "a=1 b<a c<a y=2 z<y"},
		{"target later, by a link since replaced", []string{"a>c a/x<t a=1 t=2"}, "a=1 c// c/x=2 t<c/x"},
		{"name taken after", []string{"b<a b=2 a=1"}, "a=1 b=2"},
		{"no target", []string{"b<a", "c<nope"}, "b%hardlink c%hardlink"},
		{"link to itself", []string{"a<a"}, "a%hardlink"},
		{"link to itself below", []string{"a=1", "a<a"}, "a=1"},
		{"links in a circle", []string{"a<b b<a"}, "a%hardlink b%hardlink"},
		{"link to a directory", []string{"d/ b<d"}, "b%hardlink d/"},
		{"whited-out target", []string{"a=1", ".wh.a= b<a"}, "b%hardlink"},
		{"link to the root", []string{"a</"}, "a%hardlink"},

		{"devices", []string{"c%c b%b p%p"}, "b%block c%char p%fifo"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, _ := merge(t, c.layers...)
			require.Equal(t, c.want, got)
		})
	}
}

func TestBrokenLinksAreReported(t *testing.T) {
	_, _, broken := merge(t, "z<no a<./nope/x ok=1 l<ok", "b</z")
	require.Equal(t, []layer.Broken{{Path: "z", Target: "no"}, {Path: "a", Target: "nope/x"}, {Path: "b", Target: "z"}}, broken)
}

func TestLookup(t *testing.T) {
	_, v, _ := merge(t, "etc/ etc/os-release>../usr/lib/os-release usr/lib/ usr/lib/os-release=x up>../../../../etc abs>/usr/lib loop>loop2 loop2>loop f=1 far>/proc/1/root d/ d/e>. ")
	for p, want := range map[string]string{
		"/etc/os-release": "/usr/lib/os-release", "etc/os-release": "/usr/lib/os-release", "/up/../etc/./os-release": "/usr/lib/os-release",
		"//abs//os-release": "/usr/lib/os-release", "/": "/", "/../..": "/", "d/e/e/e": "/d", "up/": "/etc",
	} {
		_, at, err := v.Lookup(p)
		require.NoError(t, err, p)
		require.Equal(t, want, at, p)
	}
	for p, kind := range map[string]errs.Kind{
		"/nope": errs.NotFound, "/f/x": errs.NotFound, "/f/..": errs.NotFound, "/loop": errs.Input, "/loop/x": errs.Input, "/far": errs.NotFound,
	} {
		_, _, err := v.Lookup(p)
		require.Equal(t, kind, errs.Of(err), "%s: %v", p, err)
	}
}

func TestLinkLimits(t *testing.T) {
	var words strings.Builder
	words.WriteString("l0=x")
	for i := range maxLinks + 1 {
		fmt.Fprintf(&words, " l%d>l%d", i+1, i)
	}
	_, v, _ := merge(t, words.String())
	_, at, err := v.Lookup("l40")
	require.NoError(t, err)
	require.Equal(t, "/l0", at)
	_, _, err = v.Lookup("l41")
	require.ErrorContains(t, err, "too many levels of symbolic links")
}

const maxLinks = 40

func TestHostilePaths(t *testing.T) {
	deep := strings.Repeat("a/", 2000)
	for name, words := range map[string]string{
		"a link loop on the way": "a>b b>a a/x=1",
		"deeper with every link": deep + " l>" + deep + " l/" + deep,
	} {
		v := layer.NewView()
		entries, _, err := read(pack(t, words))
		require.NoError(t, err, name)
		for _, e := range entries {
			if err = v.Add(e); err != nil {
				break
			}
		}
		require.Equal(t, errs.Input, errs.Of(err), name)
	}
}

func TestEndLayerCanBeStopped(t *testing.T) {
	v := layer.NewView()
	_, err := v.EndLayer(keepOn)
	require.NoError(t, err)
	require.NoError(t, v.Add(layer.Entry{Path: "a", Type: layer.File}))
	_, err = v.EndLayer(func() error { return context.Canceled })
	require.True(t, errors.Is(err, context.Canceled))
}

// TestEmptyingALargeDirectory is quadratic where a removal moves what follows it.
func TestEmptyingALargeDirectory(t *testing.T) {
	const n = 100_000
	v := layer.NewView()
	for i := range n {
		require.NoError(t, v.Add(layer.Entry{Path: fmt.Sprintf("d/%d", i), Type: layer.File}))
	}
	_, err := v.EndLayer(keepOn)
	require.NoError(t, err)
	for i := range n - 1 {
		require.NoError(t, v.Add(layer.Entry{Path: fmt.Sprintf("d/%d", i), Type: layer.Whiteout}))
	}
	_, err = v.EndLayer(keepOn)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("d// d/%d=", n-1), show(v, []map[int]string{{}, {}}))
}
