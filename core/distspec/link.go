package distspec

import (
	"net/url"
	"strings"
)

// NextLink finds the target of rel="next" in Link headers and resolves it against the URL of the request (RFC 8288 section
// 3, https://www.rfc-editor.org/rfc/rfc8288#section-3). It is "" where there is none
// in the beginning of a header.
func NextLink(headers []string, base string) string {
	for _, h := range headers {
		for h = h[:min(len(h), maxHeader)]; h != ""; {
			var target string
			var params map[string]string
			target, params, h = oneLink(h)
			for _, rel := range strings.Fields(params["rel"]) {
				if strings.EqualFold(rel, "next") {
					return join(base, target)
				}
			}
		}
	}
	return ""
}

func join(base, target string) string {
	b, err := url.Parse(base)
	if err != nil {
		return ""
	}
	t, err := b.Parse(target)
	if err != nil {
		return ""
	}
	return t.String()
}

// oneLink reads one link and returns what follows its comma. Text that is no link is skipped.
func oneLink(h string) (target string, params map[string]string, rest string) {
	open := strings.IndexByte(h, '<')
	if open < 0 {
		return "", nil, ""
	}
	end := strings.IndexByte(h[open:], '>')
	if end < 0 {
		return "", nil, ""
	}
	target, h = h[open+1:open+end], h[open+end+1:]
	params = map[string]string{}
	for {
		h = strings.TrimLeft(h, " \t")
		if !strings.HasPrefix(h, ";") {
			_, rest, _ = strings.Cut(h, ",")
			return target, params, rest
		}
		var name, value string
		name, value, h = parameter(strings.TrimLeft(h[1:], " \t"))
		if _, taken := params[name]; !taken && name != "" {
			params[name] = value
		}
	}
}

// parameter reads name[=value], the value a token or a quoted string (RFC 9110 section 5.6.6). The name is lower case.
func parameter(s string) (name, value, rest string) {
	i := strings.IndexAny(s, "=;, \t")
	if i < 0 {
		return strings.ToLower(s), "", ""
	}
	name, s = strings.ToLower(s[:i]), strings.TrimLeft(s[i:], " \t")
	if !strings.HasPrefix(s, "=") {
		return name, "", s
	}
	s = strings.TrimLeft(s[1:], " \t")
	if strings.HasPrefix(s, `"`) {
		value, rest = quoted(s)
		return name, value, rest
	}
	i = strings.IndexAny(s, ";, \t")
	if i < 0 {
		return name, s, ""
	}
	return name, s[:i], s[i:]
}

// quoted reads a quoted string with its escapes; one without an end goes to the end.
func quoted(s string) (value, rest string) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		case '"':
			return b.String(), s[i+1:]
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}
