package tests

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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

// large finds the images that make images has built; "" says that they are not there.
func large(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("STEVEDORE_IMAGES")
	if dir != "" {
		if _, err := os.Stat(filepath.Join(dir, ".complete")); err == nil {
			return dir
		}
	}
	t.Log("without the large images: make images has not built them")
	return ""
}

// TestFilesAgainstUmoci compares the merged view, and the content of every file, with the tree that umoci unpacks, attribute
// by attribute: for the bundled image always, for the large ones where make images has built them.
func TestFilesAgainstUmoci(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("not root: owners and devices are not compared")
	}
	images := [][2]string{{harbor, "amd64"}, {harbor, "arm64"}}
	if dir := large(t); dir != "" {
		app := filepath.Join(dir, "debian-app")
		images = append(images, [2]string{app, "amd64"}, [2]string{app, "arm64"}) // umoci knows no zstd; TestOneImageInManyForms does
		if os.Getenv("STEVEDORE_SOAK") != "" {
			images = append(images, [2]string{filepath.Join(dir, "big"), "latest"})
		}
	}
	for _, image := range images {
		t.Run(filepath.Base(image[0])+"_"+image[1], func(t *testing.T) { compareTree(t, image[0], image[1]) })
	}
}

// TestOneImageInManyForms: the large image gives the same files whatever it is stored as, which skopeo made.
func TestOneImageInManyForms(t *testing.T) {
	dir := large(t)
	if dir == "" {
		return
	}
	bin := artifact(t, "stevedore")
	want := mustRun(t, bin, "files", "--json", "oci:"+dir+"/debian-app:amd64")
	require.Greater(t, strings.Count(want, `"path"`), 4000)
	for _, ref := range []string{
		"oci-archive:app.oci.tar:amd64", "docker-archive:app.docker.tar", "docker-archive:app.docker.tar.gz:example.test/debian-app:latest",
		"oci:multi:amd64", "oci-archive:multi.oci.tar", "oci:app-zstd", "oci:app-zstd-chunked:latest", "dir:app-dir", "dir:app-plain", "dir:app-v2s2",
	} {
		scheme, path, _ := strings.Cut(ref, ":")
		got := mustRun(t, bin, "files", "--json", "--platform", "linux/amd64", scheme+":"+dir+"/"+path)
		require.True(t, got == want, "%s has other files", ref)
	}
}

// TestLargeManifestsAgainstSkopeo compares raw manifests, configs, digests and tags of what skopeo, umoci and regctl wrote.
func TestLargeManifestsAgainstSkopeo(t *testing.T) {
	dir := large(t)
	if dir == "" {
		return
	}
	bin, skopeo := artifact(t, "stevedore"), tool(t, "skopeo")
	for _, ref := range []string{
		"oci:debian-app:amd64", "oci:multi:latest", "oci-archive:app.oci.tar:amd64", "oci-archive:multi.oci.tar:latest", "oci:app-zstd:latest",
		"dir:app-dir", "dir:app-plain", "dir:app-v2s2",
	} {
		scheme, path, _ := strings.Cut(ref, ":")
		ref = scheme + ":" + dir + "/" + path
		raw := mustRun(t, skopeo, "inspect", "--raw", ref)
		require.Equal(t, raw, mustRun(t, bin, "inspect", "--raw", ref), ref)
		file := filepath.Join(t.TempDir(), "raw")
		write(t, file, []byte(raw))
		require.Equal(t, mustRun(t, skopeo, "manifest-digest", file), mustRun(t, bin, "digest", ref), ref)
		require.Equal(t, mustRun(t, skopeo, "inspect", "--config", "--raw", ref), mustRun(t, bin, "inspect", "--config", "--platform", "linux/amd64", ref), ref)
	}
	// docker save has no manifest to compare; the config and the layers are the same.
	ref := "docker-archive:" + dir + "/app.docker.tar"
	require.Equal(t, mustRun(t, skopeo, "inspect", "--config", "--raw", ref), mustRun(t, bin, "inspect", "--config", ref))
	var theirs, ours struct{ Layers []struct{ Digest string } }
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, skopeo, "inspect", "--raw", ref)), &theirs))
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, bin, "inspect", "--raw", ref)), &ours))
	require.Equal(t, theirs, ours)
	require.Equal(t, "example.test/debian-app:amd64\nexample.test/debian-app:latest\n", mustRun(t, bin, "tags", ref))
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
	group := map[string][]string{} // names of one file by the first of them
	for _, it := range items {
		group[first(t, it)] = append(group[first(t, it)], name(t, it))
	}
	for _, it := range items {
		got[name(t, it)] = describe(t, it, group[first(t, it)])
	}
	// A folder without an entry has no time, and making it on a disk changes the time of the folder it is in.
	touched := map[string]bool{}
	for p, g := range got {
		if strings.Contains(g, "mtime=implicit") {
			touched[p], touched[filepath.Dir(p)] = true, true
		}
	}
	if _, ok := got["/"]; !ok { // no layer has an entry for the root
		delete(want, "/")
	}
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

// first is the name that all names of one file have in common.
func first(t *testing.T, it core.FileItem) string {
	if it.HardlinkOf == "" {
		return name(t, it)
	}
	return decoded(t, it.HardlinkOf, it.LinkBase64)
}

func name(t *testing.T, it core.FileItem) string { return decoded(t, it.Path, it.PathBase64) }

func decoded(t *testing.T, shown, exact string) string {
	t.Helper()
	if exact == "" {
		return shown
	}
	b, err := base64.StdEncoding.DecodeString(exact)
	require.NoError(t, err)
	return string(b)
}

// describe is one path in the form that diskTree gives. A folder that no layer has an entry for has no time of its own.
func describe(t *testing.T, it core.FileItem, names []string) string {
	mtime := it.MTime
	if it.Type == "dir" && it.MTime == "1970-01-01T00:00:00Z" {
		mtime = "implicit"
	}
	if it.Type != "file" {
		names = nil
	}
	mode, link := it.Mode, ""
	if it.Type == "symlink" {
		mode, link = "0777", decoded(t, it.LinkTarget, it.LinkBase64)
	}
	device := ""
	if it.DevMajor != nil {
		device = fmt.Sprintf("%x:%x", *it.DevMajor, *it.DevMinor)
	}
	return line(it.Type, mode, fmt.Sprintf("%d:%d", it.UID, it.GID), fmt.Sprint(it.Size), mtime, link, device, it.Xattrs, names)
}

// line has all attributes of a path; names are those of one file that has several.
func line(kind, mode, owner, size, mtime, link, device string, xattrs, names []string) string {
	if len(names) < 2 {
		names = nil
	}
	slices.Sort(names)
	return fmt.Sprintf("%s mode=%s owner=%s size=%s mtime=%s link=%q device=%s xattrs=%q names=%q", kind, mode, owner, size, mtime, link, device, xattrs, names)
}

var stamps = regexp.MustCompile(`mtime=\S+`)

func timeless(s string) string { return stamps.ReplaceAllString(s, "") }

var findTypes = map[string]string{"f": "file", "d": "dir", "l": "symlink", "c": "char", "b": "block", "p": "fifo"}

// diskTree describes every path below root as find, stat and getfattr see it.
func diskTree(t *testing.T, root string) map[string]string {
	t.Helper()
	devices := map[string]string{}
	for _, l := range strings.Split(strings.TrimSpace(mustRun(t, "find", root, "(", "-type", "c", "-o", "-type", "b", ")", "-exec", "stat", "-c", "%t:%T %n", "{}", "+")), "\n") {
		numbers, path, _ := strings.Cut(l, " ")
		devices[strings.TrimPrefix(path, root)] = numbers
	}
	xattrs := diskXattrs(t, root)
	fields := strings.Split(mustRun(t, "find", root, "-printf", `%P\0%y\0%m\0%U\0%G\0%s\0%T@\0%l\0%i\0`), "\x00")
	inodes := map[string][]string{}
	for i := 0; i+9 <= len(fields); i += 9 {
		if fields[i+1] == "f" {
			inodes[fields[i+8]] = append(inodes[fields[i+8]], "/"+fields[i])
		}
	}
	tree := map[string]string{}
	for i := 0; i+9 <= len(fields); i += 9 {
		f := fields[i : i+9]
		mode, err := strconv.ParseUint(f[2], 8, 16)
		require.NoError(t, err)
		size := f[5]
		if f[1] != "f" {
			size = "0"
		}
		path := "/" + f[0]
		tree[path] = line(findTypes[f[1]], fmt.Sprintf("%04o", mode), f[3]+":"+f[4], size, stampOf(t, f[6]), f[7], devices[path], xattrs[path], slices.Clone(inodes[f[8]]))
	}
	return tree
}

// diskXattrs are the names of extended attributes by path.
func diskXattrs(t *testing.T, root string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, block := range strings.Split(mustRun(t, tool(t, "getfattr"), "--absolute-names", "-R", "-h", "-m", "-", root), "\n\n") {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		path := strings.TrimPrefix(strings.TrimPrefix(lines[0], "# file: "), root)
		out[path] = append(out[path], lines[1:]...)
		slices.Sort(out[path])
	}
	return out
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

// compareContent reads files through cat: all of a small image, a few of a large one, where export shows the others.
func compareContent(t *testing.T, bin, ref, root string, items []core.FileItem) {
	t.Helper()
	var files []core.FileItem
	for _, it := range items {
		if it.Type == "file" {
			files = append(files, it)
		}
	}
	const small, sample = 200, 5
	step := 1
	if len(files) > small {
		step = len(files) / sample
		compareExport(t, bin, ref, root)
	}
	for i := 0; i < len(files); i += step {
		got := mustRun(t, bin, "cat", ref, name(t, files[i]))
		require.Equal(t, sumOf(t, filepath.Join(root, name(t, files[i]))), sha256.Sum256([]byte(got)), files[i].Path)
	}
	t.Logf("%d paths, %d contents compared through cat", len(items), (len(files)+step-1)/step)
}

// compareExport compares the content of every file in what export writes.
func compareExport(t *testing.T, bin, ref, root string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), bin, "export", ref)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	n := 0
	for r := tar.NewReader(out); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err, stderr.String())
		if h.Typeflag != tar.TypeReg {
			continue
		}
		sum := sha256.New()
		_, err = io.Copy(sum, r)
		require.NoError(t, err)
		require.Equal(t, sumOf(t, filepath.Join(root, h.Name)), [sha256.Size]byte(sum.Sum(nil)), h.Name)
		n++
	}
	require.NoError(t, cmd.Wait(), stderr.String())
	t.Logf("%d contents compared through export", n)
}

func sumOf(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	require.NoError(t, err)
	return [sha256.Size]byte(h.Sum(nil))
}

func mustRun(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s %s\n%s", filepath.Base(name), strings.Join(args, " "), stderr.String())
	return stdout.String()
}
