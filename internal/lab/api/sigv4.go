package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// signature is what a request says about itself in AWS Signature Version 4, in a header or in the query string.
type signature struct {
	keyID   string
	date    string // 20060102
	region  string
	service string
	headers []string // signed header names, sorted, lower case
	sum     string   // hexadecimal
	time    string   // 20060102T150405Z
	token   string   // session token
	query   bool     // presigned: in the query string
	expires time.Duration
}

const amzTime = "20060102T150405Z"

// parseSignature finds the signature of a request; ok is false when it has none.
func parseSignature(r *http.Request) (sig signature, ok bool, err error) {
	bad := fail("IncompleteSignature", "The request signature does not conform to AWS standards")
	var credential, signed string
	if auth := r.Header.Get("Authorization"); auth != "" {
		rest, isV4 := strings.CutPrefix(auth, "AWS4-HMAC-SHA256")
		if !isV4 {
			return sig, true, bad
		}
		for part := range strings.SplitSeq(rest, ",") {
			k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
			switch k {
			case "Credential":
				credential = v
			case "SignedHeaders":
				signed = v
			case "Signature":
				sig.sum = v
			}
		}
		sig.time = r.Header.Get("X-Amz-Date")
		sig.token = r.Header.Get("X-Amz-Security-Token")
	} else {
		q := r.URL.Query()
		if q.Get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256" {
			return sig, false, nil
		}
		credential, signed, sig.sum = q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Signature")
		sig.time, sig.token, sig.query = q.Get("X-Amz-Date"), q.Get("X-Amz-Security-Token"), true
		secs, err := strconv.Atoi(q.Get("X-Amz-Expires"))
		if err != nil || secs < 1 || secs > 604800 {
			return sig, true, bad
		}
		sig.expires = time.Duration(secs) * time.Second
	}
	scope := strings.Split(credential, "/")
	if len(scope) != 5 || scope[4] != "aws4_request" || signed == "" || sig.sum == "" {
		return sig, true, bad
	}
	sig.keyID, sig.date, sig.region, sig.service = scope[0], scope[1], scope[2], scope[3]
	sig.headers = strings.Split(signed, ";")
	if !slices.IsSorted(sig.headers) || !slices.Contains(sig.headers, "host") {
		return sig, true, bad
	}
	return sig, true, nil
}

// verify computes the signature with the secret and compares.
func (sig *signature) verify(r *http.Request, body []byte, secret string) bool {
	sum := sha256.Sum256(body)
	canonical := sig.canonical(r, hex.EncodeToString(sum[:]))
	hashed := sha256.Sum256([]byte(canonical))
	scope := strings.Join([]string{sig.date, sig.region, sig.service, "aws4_request"}, "/")
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", sig.time, scope, hex.EncodeToString(hashed[:])}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{sig.date, sig.region, sig.service, "aws4_request", toSign} {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(part))
		key = m.Sum(nil)
	}
	return hmac.Equal([]byte(hex.EncodeToString(key)), []byte(sig.sum))
}

func (sig *signature) canonical(r *http.Request, payload string) string {
	var b strings.Builder
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	b.WriteString(r.Method + "\n" + strings.ReplaceAll(path, "%", "%25") + "\n")
	query := r.URL.Query()
	query.Del("X-Amz-Signature")
	b.WriteString(canonicalQuery(query) + "\n")
	for _, h := range sig.headers {
		var values []string
		switch h {
		case "host":
			host := r.Host
			if host == "" {
				host = r.URL.Host
			}
			values = []string{host}
		case "content-length":
			values = []string{strconv.FormatInt(r.ContentLength, 10)}
		default:
			values = slices.Clone(r.Header.Values(h))
		}
		for i, v := range values {
			values[i] = strings.Join(strings.Fields(v), " ")
		}
		b.WriteString(h + ":" + strings.Join(values, ",") + "\n")
	}
	b.WriteString("\n" + strings.Join(sig.headers, ";") + "\n" + payload)
	return b.String()
}

func canonicalQuery(q url.Values) string {
	var pairs []string
	for k, vs := range q {
		for _, v := range vs {
			pairs = append(pairs, awsEscape(k)+"="+awsEscape(v))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

func awsEscape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
