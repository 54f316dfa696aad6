package ref_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
)

var sum = "sha256:" + strings.Repeat("ab", 32)

func docker(host, repository, tag, digest string) ref.Reference {
	return ref.Reference{Scheme: ref.Docker, Host: host, Repository: repository, Tag: tag, Digest: digest, Position: -1}
}

func file(scheme, path, tag, digest string) ref.Reference {
	return ref.Reference{Scheme: scheme, Path: path, Tag: tag, Digest: digest, Position: -1}
}

func static(path, repository, tag, digest string) ref.Reference {
	return ref.Reference{Scheme: ref.Static, Path: path, Repository: repository, Tag: tag, Digest: digest, Position: -1}
}

func TestParse(t *testing.T) {
	for typed, want := range map[string]ref.Reference{
		"alpine":                            docker(ref.HubHost, "library/alpine", "latest", ""),
		"alpine:3.20":                       docker(ref.HubHost, "library/alpine", "3.20", ""),
		"docker://org/app":                  docker(ref.HubHost, "org/app", "latest", ""),
		"docker.io/alpine":                  docker(ref.HubHost, "library/alpine", "latest", ""),
		"index.docker.io/org/app:1":         docker(ref.HubHost, "org/app", "1", ""),
		"ghcr.io/a/b/c:v1":                  docker("ghcr.io", "a/b/c", "v1", ""),
		"localhost/a":                       docker("localhost", "a", "latest", ""),
		"localhost:5000/a@" + sum:           docker("localhost:5000", "a", "", sum),
		"[::1]:5000/a:x":                    docker("[::1]:5000", "a", "x", ""),
		"Registry/a":                        docker("Registry", "a", "latest", ""), // upper case is no repository, so it is a host
		"r.example/a__b.c-d---e:T_1@" + sum: docker("r.example", "a__b.c-d---e", "T_1", sum),

		"oci:layout":                    file(ref.OCI, "layout", "", ""),
		"oci:layout:v1":                 file(ref.OCI, "layout", "v1", ""),
		"oci:./a.b/c@" + sum:            file(ref.OCI, "./a.b/c", "", sum),
		"oci:/abs:v1@" + sum:            file(ref.OCI, "/abs", "v1", sum),
		"oci:a/b:r.example/c/d:v1":      file(ref.OCI, "a/b", "r.example/c/d:v1", ""),
		"oci:a@b":                       file(ref.OCI, "a@b", "", ""),
		"oci-archive:x.tar:v1":          file(ref.OCIArchive, "x.tar", "v1", ""),
		"oci-archive:-":                 file(ref.OCIArchive, "-", "", ""),
		"docker-archive:x.tar":          file(ref.DockerArchive, "x.tar", "", ""),
		"docker-archive:x.tar:a/b:1":    file(ref.DockerArchive, "x.tar", "a/b:1", ""),
		"docker-archive:x.tar:r:5/b:1":  file(ref.DockerArchive, "x.tar", "r:5/b:1", ""),
		"dir:a:b":                       file(ref.Dir, "a:b", "", ""),
		"mem:name:tag":                  file(ref.Mem, "name", "tag", ""),
		`oci:C:\images\app`:             file(ref.OCI, `C:\images\app`, "", ""),
		`oci:C:\images\app:v1`:          file(ref.OCI, `C:\images\app`, "v1", ""),
		"oci:c:/images/app:v1@" + sum:   file(ref.OCI, "c:/images/app", "v1", sum),
		`oci-archive:D:\x.tar:v1`:       file(ref.OCIArchive, `D:\x.tar`, "v1", ""),
		`docker-archive:C:\x.tar`:       file(ref.DockerArchive, `C:\x.tar`, "", ""),
		`docker-archive:C:\x.tar:a/b:1`: file(ref.DockerArchive, `C:\x.tar`, "a/b:1", ""),
		"docker-archive:C:/x.tar:a:1":   file(ref.DockerArchive, "C:/x.tar", "a:1", ""),
		`dir:C:\folder`:                 file(ref.Dir, `C:\folder`, "", ""),
		`oci:\\server\share\app:v1`:     file(ref.OCI, `\\server\share\app`, "v1", ""),
		"docker-archive:x.tar@" + sum:   file(ref.DockerArchive, "x.tar", "", sum),
		"static:public":                 file(ref.Static, "public", "", ""),
		"static:public@" + sum:          file(ref.Static, "public", "", sum),
		"static:./p:team/app:v1":        static("./p", "team/app", "v1", ""),
		"static:/p:app":                 static("/p", "app", "latest", ""),
		"static:p:app@" + sum:           static("p", "app", "", sum),
		"static:p:app:1@" + sum:         static("p", "app", "1", sum),
		`static:C:\p:app:1`:             static(`C:\p`, "app", "1", ""),
		"docker-archive:x.tar:@12":      {Scheme: ref.DockerArchive, Path: "x.tar", Tag: "@12", Position: 12},
		`docker-archive:C:\x\y.tar:@0`:  {Scheme: ref.DockerArchive, Path: `C:\x\y.tar`, Tag: "@0", Position: 0},
	} {
		got, err := ref.Parse(typed)
		require.NoError(t, err, typed)
		want.Typed = typed
		require.Equal(t, want, got, typed)
		require.Equal(t, typed, got.String())
	}
}

func TestParseRefuses(t *testing.T) {
	for typed, says := range map[string]string{
		"":                                       "is empty",
		"docker:alpine":                          "docker://name",
		"docker://":                              "names no repository",
		"r.example/":                             "names no repository",
		"ftp://host/a":                           `unknown transport "ftp"`,
		"docker-daemon:alpine:3.20":              "docker-daemon is a transport that needs what runs containers",
		"containers-storage:alpine":              "containers-storage is a transport that needs what runs containers",
		"Alpine":                                 "not a repository name",
		"a//b":                                   "not a repository name",
		"a/../b":                                 "not a repository name",
		"a/-b":                                   "not a repository name",
		"a:":                                     "is not a tag",
		"a:.x":                                   "is not a tag",
		"a:" + strings.Repeat("x", 129):          "is not a tag",
		strings.Repeat("x/", 128) + "x":          "not a repository name",
		"a@sha256:123":                           "is not a digest",
		"a@md5:d41d8cd98f00b204e9800998ecf8427e": "is not a digest",
		"a@" + strings.ToUpper(sum):              "is not a digest",
		"-bad.example/a":                         "is not a host",
		"r.example:99999999/a":                   "is not a host",
		"[::1/a":                                 "is not a host",
		"oci:":                                   "names no path",
		"oci::tag":                               "names no path",
		"oci:a@sha256:../../etc":                 "",
		"oci:a\x00b":                             "NUL",
		"docker-archive:x:@":                     "not a position",
		"docker-archive:x:@1x":                   "not a position",
		"docker-archive:x:@99999999":             "not a position",
		"oci:a@sha256:zz":                        "is not a digest",
		"static:p:../x":                          "not a repository name",
		"static:p:A:1":                           "not a repository name",
		"static:p::1":                            "not a repository name",
		"static:p:a:b:c":                         "is not a tag",
		"static:p:a:../x":                        "is not a tag",
		"static::a":                              "names no path",
	} {
		r, err := ref.Parse(typed)
		if says == "" { // a separator after the @ makes it a path
			require.NoError(t, err, typed)
			require.Empty(t, r.Digest)
			continue
		}
		require.Equal(t, errs.Input, errs.Of(err), "%q: %v", typed, err)
		require.ErrorContains(t, err, says, typed)
		if typed != "" {
			require.True(t, strings.HasPrefix(err.Error(), typed), "%q does not begin with what was typed", err)
		}
	}
}

func TestLoopback(t *testing.T) {
	for _, h := range []string{"localhost", "localhost:5000", "a.localhost:1", "127.0.0.1", "127.9.9.9:80", "[::1]", "[::1]:5000"} {
		require.True(t, ref.Loopback(h), h)
	}
	for _, h := range []string{"", "localhost.example", "127.0.0.1.example", "127.example", "127.0.0", "[::2]", "10.0.0.1", "notlocalhost"} {
		require.False(t, ref.Loopback(h), h)
	}
}

// FuzzParse: what is accepted can go into a URL or a path as it is, and says again what it said.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"alpine:3.20", "docker://localhost:5000/a/b@" + sum, "[::1]:5/a", "oci:C:\\x:v1", "oci:a/b:c/d@" + sum, "docker-archive:x.tar:@3",
		"docker-archive:c:/x:a:b", "dir:x", "mem:a:b", "a@@b", "://", "oci:@sha256:", "static:x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		r, err := ref.Parse(typed)
		if err != nil {
			require.Equal(t, errs.Input, errs.Of(err))
			return
		}
		require.Equal(t, typed, r.Typed)
		if r.Scheme != ref.Docker {
			require.NotEmpty(t, r.Path)
			require.True(t, strings.HasPrefix(typed, r.Scheme+":"+r.Path))
			require.Empty(t, r.Host)
			require.True(t, r.Repository == "" || r.Scheme == ref.Static, "%+v", r)
			return
		}
		require.True(t, ref.ValidRepository(r.Repository), r.Repository)
		require.True(t, r.Tag == "" || ref.ValidTag(r.Tag), r.Tag)
		require.NotEmpty(t, r.Ident())
		require.False(t, strings.ContainsAny(r.Host, "/@?#% \\\x00"), r.Host)
		canonical := r.Host + "/" + r.Repository
		if r.Tag != "" {
			canonical += ":" + r.Tag
		}
		if r.Digest != "" {
			canonical += "@" + r.Digest
		}
		again, err := ref.Parse(canonical)
		require.NoError(t, err, canonical)
		again.Typed = typed
		require.Equal(t, r, again, canonical)
	})
}
