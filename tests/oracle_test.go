package tests

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
)

// TestManifestsAgainstPeers compares digests, raw manifests, configs and tags with what crane and skopeo say.
func TestManifestsAgainstPeers(t *testing.T) {
	reg := registryOf(t, harbor)
	bin, crane, skopeo := artifact(t, "stevedore"), tool(t, "crane"), tool(t, "skopeo")
	image := reg + "/team/harbor:latest"
	ours := func(args ...string) string { return strings.TrimSpace(mustRun(t, bin, args...)) }
	peer := func(name string, args ...string) string { return strings.TrimSpace(mustRun(t, name, args...)) }

	require.Equal(t, peer(crane, "digest", image), ours("digest", image))
	require.Equal(t, peer(crane, "digest", "--platform", "linux/arm64", image), ours("digest", "--platform", "linux/arm64", image))
	require.Equal(t, peer(crane, "manifest", image), ours("inspect", "--raw", image))
	require.Equal(t, peer(crane, "config", "--platform", "linux/arm64", image), ours("inspect", "--config", "--platform", "linux/arm64", image))
	require.ElementsMatch(t, strings.Fields(peer(crane, "ls", reg+"/team/harbor")), strings.Fields(ours("tags", reg+"/team/harbor")))

	require.Equal(t, peer(skopeo, "inspect", "--tls-verify=false", "--raw", "docker://"+image), ours("inspect", "--raw", image))
	require.Equal(t, peer(skopeo, "inspect", "--raw", "oci:"+harbor+":latest"), ours("inspect", "--raw", "oci:"+harbor+":latest"))
	require.Equal(t, peer(skopeo, "inspect", "--tls-verify=false", "--config", "--raw", "docker://"+reg+"/team/harbor:arm64"), ours("inspect", "--config", reg+"/team/harbor:arm64"))
	var listed struct{ Tags []string }
	require.NoError(t, json.Unmarshal([]byte(peer(skopeo, "list-tags", "--tls-verify=false", "docker://"+reg+"/team/harbor")), &listed))
	require.ElementsMatch(t, listed.Tags, strings.Fields(ours("tags", reg+"/team/harbor")))
}

// TestFilesAgainstUmoci compares the merged view, and the content of every file, with the tree that umoci unpacks, attribute
// by attribute: for the bundled image always, for the large ones where make images has built them.
func TestFilesAgainstUmoci(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("not root: owners and devices are not compared")
	}
	images := [][2]string{{harbor, "amd64"}, {harbor, "arm64"}}
	if dir := os.Getenv("STEVEDORE_IMAGES"); dir != "" {
		if _, err := os.Stat(filepath.Join(dir, "debian-app")); err == nil {
			images = append(images, [2]string{filepath.Join(dir, "debian-app"), "amd64"}, [2]string{filepath.Join(dir, "debian-app"), "arm64"})
		} else {
			t.Log("without the large images: make images has not built them")
		}
	}
	for _, image := range images {
		t.Run(filepath.Base(image[0])+"_"+image[1], func(t *testing.T) { compareTree(t, image[0], image[1]) })
	}
}

func compareTree(t *testing.T, layout, tag string) {
	bin := artifact(t, "stevedore")
	bundle := filepath.Join(t.TempDir(), "bundle")
	args := []string{"unpack", "--image", layout + ":" + tag, bundle}
	if os.Geteuid() != 0 {
		args = append([]string{"unpack", "--rootless"}, args[1:]...)
	}
	mustRun(t, tool(t, "umoci"), args...)
	root := filepath.Join(bundle, "rootfs")
	want := diskTree(t, root)

	var items []core.FileItem
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, bin, "files", "--json", "oci:"+layout+":"+tag)), &items))
	got := map[string]string{}
	inodes := map[string]int{}
	for _, it := range items {
		first := it.Path
		if it.HardlinkOf != "" {
			first = it.HardlinkOf
		}
		inodes[first]++
	}
	for _, it := range items {
		first := it.Path
		if it.HardlinkOf != "" {
			first = it.HardlinkOf
		}
		got[name(t, it)] = describe(it, inodes[first])
	}
	// A folder without an entry has no time, and making it on a disk changes the time of the folder it is in.
	touched := map[string]bool{}
	for p, g := range got {
		if strings.Contains(g, "mtime=implicit") {
			touched[p], touched[filepath.Dir(p)] = true, true
		}
	}
	delete(want, "/")
	delete(got, "/")
	for p, w := range want {
		g, ok := got[p]
		switch {
		case !ok:
			t.Errorf("missing: %q %s", p, w)
		case g != w && !(touched[p] && timeless(g) == timeless(w)):
			t.Errorf("%q:\n umoci %s\n  ours %s", p, w, g)
		}
	}
	for p, g := range got {
		if _, ok := want[p]; !ok {
			t.Errorf("not in umoci's tree: %q %s", p, g)
		}
	}
	compareContent(t, bin, "oci:"+layout+":"+tag, root, items)
}

func name(t *testing.T, it core.FileItem) string {
	t.Helper()
	if it.PathBase64 == "" {
		return it.Path
	}
	var b []byte
	require.NoError(t, json.Unmarshal([]byte(`"`+it.PathBase64+`"`), &b))
	return string(b)
}

// describe is one path in the form that diskTree gives. A folder that no layer has an entry for has no time of its own.
func describe(it core.FileItem, names int) string {
	mtime := it.MTime
	if it.Type == "dir" && it.MTime == "1970-01-01T00:00:00Z" {
		mtime = "implicit"
	}
	if it.Type != "file" {
		names = 1
	}
	mode := it.Mode
	if it.Type == "symlink" {
		mode = "0777"
	}
	return fmt.Sprintf("%s mode=%s owner=%d:%d size=%d mtime=%s link=%q names=%d", it.Type, mode, it.UID, it.GID, it.Size, mtime, it.LinkTarget, names)
}

var stamps = regexp.MustCompile(`mtime=\S+`)

func timeless(s string) string { return stamps.ReplaceAllString(s, "") }

var findTypes = map[string]string{"f": "file", "d": "dir", "l": "symlink", "c": "char", "b": "block", "p": "fifo"}

// diskTree describes every path below root as find sees it.
func diskTree(t *testing.T, root string) map[string]string {
	t.Helper()
	out := mustRun(t, "find", root, "-printf", `%P\0%y\0%m\0%U\0%G\0%s\0%T@\0%l\0%n\0`)
	fields := strings.Split(out, "\x00")
	tree := map[string]string{}
	for i := 0; i+9 <= len(fields); i += 9 {
		f := fields[i : i+9]
		mode, err := strconv.ParseUint(f[2], 8, 16)
		require.NoError(t, err)
		size, names := f[5], f[8]
		if f[1] != "f" {
			size, names = "0", "1"
		}
		tree["/"+f[0]] = fmt.Sprintf("%s mode=%04o owner=%s:%s size=%s mtime=%s link=%q names=%s", findTypes[f[1]], mode, f[3], f[4], size, stampOf(t, f[6]), f[7], names)
	}
	return tree
}

// stampOf turns find's seconds.fraction into RFC 3339.
func stampOf(t *testing.T, s string) string {
	t.Helper()
	sec, frac, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(sec, 10, 64)
	require.NoError(t, err)
	nsec, err := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
	require.NoError(t, err)
	return time.Unix(n, nsec).UTC().Format(time.RFC3339Nano)
}

// compareContent reads files through cat: all of a small image, a sample of a large one.
func compareContent(t *testing.T, bin, ref, root string, items []core.FileItem) {
	t.Helper()
	var files []core.FileItem
	for _, it := range items {
		if it.Type == "file" && it.PathBase64 == "" {
			files = append(files, it)
		}
	}
	const sample = 60
	step := max(1, len(files)/sample)
	for i := 0; i < len(files); i += step {
		want, err := os.ReadFile(filepath.Join(root, files[i].Path))
		require.NoError(t, err)
		got := mustRun(t, bin, "cat", ref, files[i].Path)
		require.Equal(t, sha256.Sum256(want), sha256.Sum256([]byte(got)), files[i].Path)
	}
	t.Logf("%d paths, %d contents compared", len(items), (len(files)+step-1)/step)
}

func mustRun(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s %s\n%s", filepath.Base(name), strings.Join(args, " "), stderr.String())
	return stdout.String()
}
