package errs_test

import (
	"errors"
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
