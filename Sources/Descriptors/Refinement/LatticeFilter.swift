import Tensors

/// A permutohedral lattice with memory for filtering values repeatedly.
package struct LatticeFilter {
    private let lattice: PermutohedralLattice
    private let groups: Int
    /// Values at the vertices, `[groups, vertices + 1]`; the last one, which represents missing vertices,
    /// is zero.
    private let values: Block<FilterChannels>
    /// The other buffer of the alternating blurs, likewise.
    private let others: Block<FilterChannels>

    /// - Parameters:
    ///   - lattice: the lattice of the points.
    ///   - groups: the number of groups of four channels.
    package init(_ lattice: PermutohedralLattice, groups: Int) {
        self.lattice = lattice
        self.groups = groups
        let count = groups * (lattice.vertices + 1)
        values = Block(count: count)
        others = Block(count: count)
        for group in 1..<groups + 1 {
            values.base[group * (lattice.vertices + 1) - 1] = FilterChannels()
            others.base[group * (lattice.vertices + 1) - 1] = FilterChannels()
        }
    }

    /// Spreads values `[groups, points]` to the vertices and blurs them there.
    ///
    /// - Complexity: O((points + vertices) * dimensions * groups).
    package func blur(_ points: UnsafePointer<FilterChannels>) {
        inBlocks { group, vertices in
            lattice.spread(
                points + group * lattice.points, to: vertices,
                of: values.base + group * (lattice.vertices + 1))
        }
        var (source, target) = (values.base, others.base)
        for axis in 0...lattice.dimensions {
            inBlocks { group, vertices in
                let start = group * (lattice.vertices + 1)
                lattice.blur(vertices, along: axis, from: source + start, to: target + start)
            }
            swap(&source, &target)
        }
    }

    private func inBlocks(_ body: (_ group: Int, _ vertices: Range<Int>) -> Void) {
        let size = PermutohedralLattice.block
        let blocks = (lattice.vertices + size - 1) / size
        Parallelism.perform(count: groups * blocks) { task in
            let start = task % blocks * size
            body(task / blocks, start..<min(start + size, lattice.vertices))
        }
    }

    /// Adds the points' values after `blur(_:)` to `sums`, which starts at the first point of the range.
    package func add(
        _ points: Range<Int>, group: Int, to sums: UnsafeMutablePointer<FilterChannels>
    ) {
        let blurred = lattice.dimensions % 2 == 0 ? others.base : values.base
        lattice.gather(
            points, from: blurred + group * (lattice.vertices + 1),
            addingTo: sums)
    }
}

extension PermutohedralLattice {
    /// Each point's sum of the filter's weights over all points, computed by filtering ones.
    package func sums() -> [Float] {
        let filter = LatticeFilter(self, groups: 1)
        let ones = Block(repeating: FilterChannels(repeating: 1), count: points)
        // The pointer does not keep the block alive.
        withExtendedLifetime(ones) { filter.blur(ones.base) }
        let sums = Block<FilterChannels>(repeating: FilterChannels(), count: points)
        filter.add(0..<points, group: 0, to: sums.base)
        return (0..<points).map { sums.base[$0][0] }
    }

    fileprivate func spread(
        _ values: UnsafePointer<FilterChannels>, to range: Range<Int>,
        of vertices: UnsafeMutablePointer<FilterChannels>
    ) {
        let members = members.base
        let weights = memberWeights.base
        let first = firstMember.base
        var index = Int(first[range.lowerBound])
        for vertex in range {
            var sum = FilterChannels()
            let end = Int(first[vertex + 1])
            while index < end {
                sum += weights[index] * values[Int(members[index])]
                index += 1
            }
            vertices[vertex] = sum
        }
    }

    fileprivate func blur(
        _ range: Range<Int>, along axis: Int, from source: UnsafePointer<FilterChannels>,
        to target: UnsafeMutablePointer<FilterChannels>
    ) {
        let neighbours = neighbours.base + axis * vertices
        for vertex in range {
            let pair = neighbours[vertex]
            target[vertex] = source[vertex] + 0.5 * (source[Int(pair[0])] + source[Int(pair[1])])
        }
    }

    fileprivate func gather(
        _ range: Range<Int>, from vertices: UnsafePointer<FilterChannels>,
        addingTo sums: UnsafeMutablePointer<FilterChannels>
    ) {
        let size = dimensions + 1
        var corner = corners.base + range.lowerBound * size
        var weight = cornerWeights.base + range.lowerBound * size
        for index in 0..<range.count {
            var sum = sums[index]
            for place in 0..<size { sum += weight[place] * vertices[Int(corner[place])] }
            sums[index] = sum
            corner += size
            weight += size
        }
    }
}
