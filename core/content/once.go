package content

import "context"

type once struct{}

// Once marks what is asked with the context as worth one question: an endpoint that fails is not asked again, as it is for what a
// verb cannot do without.
func Once(ctx context.Context) context.Context { return context.WithValue(ctx, once{}, true) }

// IsOnce says whether ctx comes from [Once].
func IsOnce(ctx context.Context) bool { return ctx.Value(once{}) != nil }
