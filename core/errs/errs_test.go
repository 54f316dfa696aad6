package errs_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// TestASubjectIsNamedOnce, also where an error of closing something was joined in between.
func TestASubjectIsNamedOnce(t *testing.T) {
	inner := errs.New(errs.Denied, "oci:x", "is locked").Hinted("wait")
	joined := errs.Wrap("oci:x", errors.Join(inner, nil))
	require.EqualError(t, joined, "oci:x: is locked")
	require.EqualError(t, errs.Wrap("oci:x", joined), "oci:x: is locked")
	outer := errs.Wrap("sync", joined)
	require.EqualError(t, outer, "sync: oci:x: is locked")
	require.Equal(t, errs.Denied, errs.Of(outer))
	require.Equal(t, "wait", errs.HintOf(outer))
	require.NoError(t, errs.Wrap("oci:x", nil))
}

// TestNestedSubjects: who reads a longer name of the same thing needs no shorter one.
func TestNestedSubjects(t *testing.T) {
	for want, subjects := range map[string][]string{
		"oci:a:v1: layer sha256:1: is broken": {"oci:a:v1", "layer sha256:1", "sha256:1"},
		"copy: oci:a@sha256:1: is broken":     {"copy", "oci:a", "", "oci:a@sha256:1"},
		"a: b: is broken":                     {"a", "b", "a"},
		"oci:ab: oci:a: is broken":            {"oci:ab", "oci:a"},
		"/etc/x/y: is broken":                 {"/etc", "/etc/x/y"},
		"is broken":                           {""},
	} {
		var err error = errors.New("is broken")
		for _, s := range slices.Backward(subjects) {
			err = &errs.Error{Kind: errs.Input, Subject: s, Err: err}
		}
		require.EqualError(t, err, want)
	}
}
