package aws

import (
	"bytes"
	"io"
	"net/http"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
)

// ownBody is an HTTP client that sends a copy of each request's body. The SDK closes the body it gave as soon as the head
// of the answer is there; net/http may still be looking for its end then, takes the close for a failed request and ends
// the connection, and an answer that was on its way is lost. Requests are small: user-data is the largest part of one.
type ownBody struct{ client sdk.HTTPClient }

// Do sends the request.
func (c ownBody) Do(req *http.Request) (*http.Response, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return c.client.Do(req)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	own := req.Clone(req.Context())
	own.Body = io.NopCloser(bytes.NewReader(body))
	own.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	own.ContentLength = int64(len(body))
	return c.client.Do(own)
}
