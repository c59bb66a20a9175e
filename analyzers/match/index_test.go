package match

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIndex(t *testing.T) {
	var x Index
	for i, b := range []Box{
		uri(begins("/")),                          // 0
		uri(begins("/api")),                       // 1
		uri(is("/api/v1")),                        // 2
		uri(like("/api/v[0-9]+")),                 // 3
		uri(begins("/api/v1/users")),              // 4
		uri(begins("/shop")),                      // 5
		anyCase(is("/API/V1")),                    // 6
		with("x", is("1")),                        // 7
		uri(like("/(api|shop)/.*")),               // 8
		uri(begins("api")),                        // 9, empty
		uri(like("/b[0-9]+")).And(uri(is("/b1"))), // 10
	} {
		x.Add(i, b)
	}
	require.Equal(t, []int{0, 1, 2, 3, 6, 7, 8}, x.Over(uri(is("/api/v1"))))
	require.Equal(t, []int{0, 1, 2, 3, 4, 6, 7, 8}, x.Over(uri(begins("/api/v1"))), "3 and 8 are no prefixes: narrower ones can help them")
	require.Equal(t, []int{0, 1, 2, 3, 4, 6, 7, 8}, x.Over(uri(like("/api/v[0-9]+"))))
	require.Equal(t, []int{0, 5, 6, 7, 8}, x.Over(uri(begins("/shop/x"))))
	require.Equal(t, []int{0, 7, 10}, x.Over(uri(is("/b1"))))
	require.Equal(t, []int{0, 1, 3, 6, 7, 8}, x.Meeting(uri(begins("/api/v1"))))
	require.Equal(t, []int{2, 4}, x.Inside(uri(begins("/api/v1"))))
	require.Equal(t, []int{0, 6, 7}, x.Meeting(Box{}))
	require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 10}, x.Inside(Box{}))
	require.Empty(t, x.Over(uri(begins("api"))))
	require.Empty(t, new(Index).Over(Box{}))
	require.Empty(t, new(Index).Inside(Box{}))

	x.Add(11, uri(begins("/shop/x/y")))
	require.Equal(t, []int{11}, x.Inside(uri(begins("/shop/x"))))
}

func TestIndexTellsValuesApart(t *testing.T) {
	var x Index
	for i := range 100 {
		x.Add(i, with("x", is(fmt.Sprint(i))).And(with("env", is("prod"))))
	}
	x.Add(100, with("x", anything()))
	x.Add(101, with("x", like("4|5")))
	x.Add(102, with("y", is("1")))
	require.Equal(t, []int{7, 100, 102}, x.Over(with("x", is("7"))))
	require.Equal(t, []int{4, 100, 101, 102}, x.Meeting(with("x", is("4"))))
	require.Len(t, x.Over(with("x", anything())), 103)
	require.Len(t, x.Inside(Box{}), 103)
}

// BenchmarkIndex grows with the number of boxes only, not with its square.
func BenchmarkIndex(b *testing.B) {
	for _, n := range []int{1_000, 4_000, 16_000} {
		boxes := make([]Box, n)
		for i := range boxes {
			boxes[i] = uri(begins(fmt.Sprintf("/team-%d/service-%d/", i%97, i)))
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				var x Index
				for i, box := range boxes {
					x.Add(i, box)
				}
				for i, box := range boxes {
					if len(x.Over(box)) != 1 || len(x.Meeting(box)) == 0 || len(x.Inside(box)) == 0 {
						b.Fatalf("box %d is not found", i)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/box")
		})
	}
}

// BenchmarkSubtract is the last of many routes that do not cover it.
func BenchmarkSubtract(b *testing.B) {
	for _, n := range []int{10, 100, 1_000} {
		var earlier []Box
		for i := range n {
			earlier = append(earlier, uri(begins(fmt.Sprintf("/%d/", i))).And(with("x", is("1"))))
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if verdict, _, _ := Subtract(Box{}, earlier, nil); verdict == Empty {
					b.Fatal("not empty")
				}
			}
		})
	}
}

func TestIndexTaking(t *testing.T) {
	var x Index
	for i := range 10 {
		x.Add(i, with("x", is(fmt.Sprint(i))))
		x.Add(10+i, with(fmt.Sprintf("y%d", i), anything()))
		x.Add(20+i, uri(begins(fmt.Sprintf("/%d/", i))))
	}
	x.Add(30, uri(is("/")))
	x.Add(31, with("x", anything()))
	x.Add(32, without("x", is("1")))
	require.Equal(t, []int{30, 32}, x.Taking(Request{Path: "/"}))
	require.Equal(t, []int{7, 13, 30, 31, 32}, x.Taking(Request{Path: "/", Headers: map[string]string{"x": "7", "y3": ""}}))
	require.Equal(t, []int{24, 32}, x.Taking(Request{Path: "/4/a"}))
	require.Empty(t, new(Index).Taking(Request{Path: "/"}))
}
