package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// model is the part of a botocore service-2.json that decides wire names and types.
type model struct {
	Metadata struct {
		APIVersion   string `json:"apiVersion"`
		Protocol     string `json:"protocol"`
		XMLNamespace string `json:"xmlNamespace"`
		TargetPrefix string `json:"targetPrefix"`
	} `json:"metadata"`
	Operations map[string]operation `json:"operations"`
	Shapes     map[string]shape     `json:"shapes"`
}

type operation struct {
	Input  *ref `json:"input"`
	Output *ref `json:"output"`
}

type ref struct {
	Shape         string `json:"shape"`
	LocationName  string `json:"locationName"`
	QueryName     string `json:"queryName"`
	ResultWrapper string `json:"resultWrapper"`
}

type shape struct {
	Type      string         `json:"type"`
	Members   map[string]ref `json:"members"`
	Required  []string       `json:"required"`
	Member    *ref           `json:"member"`
	Value     *ref           `json:"value"`
	Flattened bool           `json:"flattened"`
}

// loadModel reads the newest API version of a service.
func loadModel(data, name string) (*model, error) {
	files, err := filepath.Glob(filepath.Join(data, name, "*", "service-2.json.gz"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no model of %s in botocore's data directory", name)
	}
	slices.Sort(files)
	f, err := os.Open(files[len(files)-1])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("model of %s: %w", name, err)
	}
	m := new(model)
	if err := json.NewDecoder(z).Decode(m); err != nil {
		return nil, fmt.Errorf("model of %s: %w", name, err)
	}
	return m, nil
}
