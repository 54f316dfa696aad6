package core_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// TestLargeRequests: a run of sync may have very many jobs. What is large and says nothing fills no memory.
func TestLargeRequests(t *testing.T) {
	v, err := core.Find(core.Verbs(), "sync")
	require.NoError(t, err)
	call := func(request string) error {
		_, err := v.Call(t.Context(), &core.Env{}, []byte(request), nil)
		require.Equal(t, errs.Input, errs.Of(err), "%v", err)
		return err
	}
	var jobs []string
	for i := range 20_000 {
		jobs = append(jobs, fmt.Sprintf(`{"source":"registry.example/team/application:%d","destination":"mirror.example/team/application:%d"}`, i, i))
	}
	require.ErrorContains(t, call(`{"jobs":[`+strings.Join(jobs, ",")+`,{"source":"a:b:c"}]}`), "a:b:c", "the last job is looked at")
	require.ErrorContains(t, call(`{"jobs":[`+strings.Repeat("{},", 1<<20)+`{}]}`), "more than 262144 values")
	require.ErrorContains(t, call(`{"jobs":"`+strings.Repeat("x", 17<<20)+`"}`), "larger than")
}
