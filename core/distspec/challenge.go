package distspec

import "strings"

// Challenge is one way to authenticate that a registry offers.
type Challenge struct {
	Scheme string // lower case: basic, bearer
	Params map[string]string
}

// Bounds on one header: a real one has a challenge or two, in some hundred bytes.
const (
	maxChallenges = 16
	maxHeader     = 16 << 10 // bytes
)

// ParseChallenges reads WWW-Authenticate headers, each of which may hold several challenges (RFC 9110 section 11.6.1,
// https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1). What cannot be read, or follows very many others, is left out.
func ParseChallenges(headers []string) []Challenge {
	var out []Challenge
	for _, h := range headers {
		out = append(out, parseOne(h[:min(len(h), maxHeader)])...)
	}
	return out
}

func parseOne(h string) []Challenge {
	var out []Challenge
	for {
		h = strings.TrimLeft(h, " \t,")
		if h == "" || len(out) == maxChallenges {
			return out
		}
		word := token(h)
		if word == "" { // no token can begin here: give up on what is left
			return out
		}
		after := strings.TrimLeft(h[len(word):], " \t")
		if strings.HasPrefix(after, "=") && len(out) > 0 && !strings.HasPrefix(after, "==") {
			name, value, rest := parameter(h)
			if p := out[len(out)-1].Params; p[name] == "" {
				p[name] = value
			}
			h = rest
			continue
		}
		out = append(out, Challenge{strings.ToLower(word), map[string]string{}})
		h = skipToken68(after)
	}
}

// skipToken68 leaves out the one-word form of credentials, which no registry uses in a challenge. What is one word up to
// the comma, or has padding, is that; "realm=x" is a parameter.
func skipToken68(s string) string {
	end := strings.IndexByte(s, ',')
	if end < 0 {
		end = len(s)
	}
	word := strings.TrimRight(s[:end], " \t")
	bare := strings.TrimRight(word, "=")
	if bare != "" && !strings.ContainsAny(bare, " \t=\"") {
		return s[end:]
	}
	return s
}

// token is the longest token at the start of s (RFC 9110 section 5.6.2).
func token(s string) string {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return s[:i]
		}
	}
	return s
}
