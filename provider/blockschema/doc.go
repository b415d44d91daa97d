// Package blockschema makes the schemas of Terraform resources out of the schemas of the language (package hclconfig), and
// turns their values into blocks and back. There is one place that says which arguments a node pool has, and both the
// language and the provider read it.
//
// What becomes of a block is in provider/engine; the resources themselves are in package provider.
package blockschema

import (
	"github.com/clusterform/clusterform/hclconfig"
)

// Of returns the schema of a block of the language.
func Of(blockType string) *hclconfig.Schema {
	for _, b := range hclconfig.TopLevel() {
		if b.Type == blockType {
			return b.Schema
		}
	}
	return &hclconfig.Schema{}
}

// omitted are what Terraform has in its own way: meta-arguments, and the names that the resource's own attributes give.
func omitted(name string) bool {
	switch name {
	case "for_each", "enabled", "depends_on", "lifecycle", "address", "name":
		return true
	}
	return false
}

// Arguments are those of a schema that a resource has too.
func Arguments(s *hclconfig.Schema) []hclconfig.Attribute {
	var out []hclconfig.Attribute
	for _, a := range s.Attributes {
		if !a.Computed && !omitted(a.Name) {
			out = append(out, a)
		}
	}
	return out
}

// Computed are the attributes that exist only after apply.
func Computed(s *hclconfig.Schema) []hclconfig.Attribute {
	var out []hclconfig.Attribute
	for _, a := range s.Attributes {
		if a.Computed && !a.KnownNow {
			out = append(out, a)
		}
	}
	return out
}

// Blocks are the nested blocks of a schema that a resource has too, as nested attributes.
func Blocks(s *hclconfig.Schema) []hclconfig.NestedBlock {
	var out []hclconfig.NestedBlock
	for _, b := range s.Blocks {
		if !omitted(b.Type) {
			out = append(out, b)
		}
	}
	return out
}

// shape is how an argument is written in Terraform.
type shape int

const (
	text shape = iota
	number
	truth
	texts
	textMap
	anything
)

// shapeOf finds the shape of an argument. Those that take several types take them here as well where Terraform can, at
// any place outside of maps; numbers are converted to strings by Terraform itself.
func shapeOf(a hclconfig.Attribute) shape {
	switch a.Form {
	case "cluster", "amount", "bytes", "cpu", "port reference":
		return text
	case "ports":
		return texts
	}
	switch t := a.Type; {
	case t.IsPrimitiveType():
		switch t.FriendlyName() {
		case "number":
			return number
		case "bool":
			return truth
		}
		return text
	case t.IsListType():
		return texts
	case t.IsMapType():
		return textMap
	}
	return anything
}

// writeOnly are the arguments that are never in Terraform's state: the contents of secret blocks.
func writeOnly(path string) bool { return path == "secret.files" }
