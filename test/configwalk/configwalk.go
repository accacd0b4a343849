// Package configwalk changes each field of a configuration in turn, for tests of what depends on which field.
package configwalk

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

// EachChange changes the fields of a struct one after the other, down to the innermost. It calls changed after each
// change with the path of the field, such as "Bounds.Upper.Expr", and puts the field back. What other structs share
// with this one is not touched.
func EachChange[T any](t testing.TB, v *T, changed func(path string)) {
	t.Helper()
	eachChange(t, reflect.ValueOf(v).Elem(), "", changed)
}

func eachChange(t testing.TB, v reflect.Value, path string, changed func(path string)) {
	t.Helper()
	before := reflect.New(v.Type()).Elem()
	before.Set(v)
	change := func(to reflect.Value) {
		v.Set(to.Convert(v.Type()))
		changed(path)
		v.Set(before)
	}
	if _, ok := reflect.TypeAssert[config.Expr](v); ok {
		expr, err := config.ParseExpr("changed")
		require.NoError(t, err)
		change(reflect.ValueOf(expr))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			eachChange(t, v.Field(i), strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), changed)
		}
	case reflect.Array:
		for i := range v.Len() {
			eachChange(t, v.Index(i), fmt.Sprintf("%s[%d]", path, i), changed)
		}
	case reflect.Pointer:
		if v.IsNil() {
			change(reflect.New(v.Type().Elem()))
			return
		}
		other := reflect.New(v.Type().Elem())
		other.Elem().Set(v.Elem())
		v.Set(other)
		eachChange(t, other.Elem(), path, changed)
		v.Set(before)
		change(reflect.Zero(v.Type()))
	case reflect.Slice:
		change(reflect.Append(v.Slice3(0, v.Len(), v.Len()), reflect.Zero(v.Type().Elem())))
	case reflect.Map:
		other := reflect.MakeMap(v.Type())
		other.SetMapIndex(reflect.New(v.Type().Key()).Elem(), reflect.Zero(v.Type().Elem()))
		change(other)
	case reflect.String:
		change(reflect.ValueOf(v.String() + "x"))
	case reflect.Int, reflect.Int64:
		change(reflect.ValueOf(v.Int() + 1))
	case reflect.Float64:
		change(reflect.ValueOf(v.Float() + 0.25))
	case reflect.Bool:
		change(reflect.ValueOf(!v.Bool()))
	default:
		require.FailNow(t, "EachChange does not know this kind", "%s is a %s", path, v.Type())
	}
}

// Under tells whether a field, or one that it is part of, is in a list of paths.
func Under(path string, fields []string) bool {
	return slices.ContainsFunc(fields, func(f string) bool {
		rest, ok := strings.CutPrefix(path, f)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}
