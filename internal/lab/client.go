package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client talks to the control endpoint of a running lab.
type Client struct {
	info *Info
	http *http.Client
}

// NewClient returns a client of the lab.
func NewClient(info *Info) *Client {
	return &Client{info: info, http: &http.Client{Timeout: 2 * time.Minute}}
}

// Get reads path ("/_lab/status") into out.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodGet, path, nil, out)
}

// Put sends in and reads the answer into out, which may be nil.
func (c *Client) Put(ctx context.Context, path string, in, out any) error {
	return c.do(ctx, http.MethodPut, path, in, out)
}

// Post sends in, which may be nil, and reads the answer into out, which may be nil.
func (c *Client) Post(ctx context.Context, path string, in, out any) error {
	return c.do(ctx, http.MethodPost, path, in, out)
}

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	target, err := url.JoinPath(c.info.Endpoint, path)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.info.ControlToken)
	req.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the rest repeats what is said here
		}
		return fmt.Errorf("lab %q does not answer at %s: %w. `clusterform lab logs%s` may say why", c.info.Name, c.info.Endpoint, err, nameFlag(c.info.Name))
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("lab %q: %s %s: %w", c.info.Name, method, path, err)
	}
	if answer.StatusCode/100 != 2 {
		var refused struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(data, &refused) != nil || refused.Error == "" {
			refused.Error = strings.TrimSpace(string(data))
		}
		return fmt.Errorf("lab %q: %s", c.info.Name, firstOf(refused.Error, answer.Status))
	}
	if out == nil || len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("lab %q: %s %s: %w", c.info.Name, method, path, err)
	}
	return nil
}
