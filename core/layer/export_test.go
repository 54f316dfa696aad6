package layer

// SetLimit replaces the bound on what a view holds, in bytes.
func (v *View) SetLimit(n int64) { v.limit = n }

// Held is what the names of a view take, in bytes, about.
func (v *View) Held() int64 { return v.held }
