package aws

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// early answers before it has read the request, as net/http may.
type early struct{ body io.Reader }

func (e *early) Do(req *http.Request) (*http.Response, error) {
	e.body = req.Body
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// closable fails to be read after it was closed, as the SDK's bodies do.
type closable struct {
	io.Reader
	closed bool
}

func (c *closable) Read(p []byte) (int, error) {
	if c.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return c.Reader.Read(p)
}

func (c *closable) Close() error {
	c.closed = true
	return nil
}

func TestARequestIsReadToItsEndAlsoWhenItsBodyIsClosedEarly(t *testing.T) {
	t.Parallel()
	body := &closable{Reader: strings.NewReader("Action=CreateVpc")}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://endpoint.invalid/", body)
	if err != nil {
		t.Fatal(err)
	}
	e := &early{}
	if _, err := (ownBody{e}).Do(req); err != nil {
		t.Fatal(err)
	}
	_ = body.Close() // what the SDK does as soon as it has the head of the answer
	sent, err := io.ReadAll(e.body)
	if err != nil || string(sent) != "Action=CreateVpc" {
		t.Errorf("sent %q (%v), want the whole request", sent, err)
	}
}
