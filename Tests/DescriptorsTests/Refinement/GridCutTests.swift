import Descriptors
import Tensors
import Testing

@Suite struct GridCutTests {
    /// The arcs of a grid, and its terminals in the form that `GridCut` takes.
    private struct Problem {
        let width: Int
        let height: Int
        var arcs: [(column: Int, row: Int, arc: GridCut.Arc, other: Int, capacity: Int32)] = []
        var terminals: [Int32]

        init(
            width: Int, height: Int, greatest: Int, using generator: inout Xoshiro256
        ) {
            self.width = width
            self.height = height
            terminals = []
            terminals = Self.terminals(width * height, greatest, using: &generator)
            for row in 0..<height {
                for column in 0..<width {
                    for arc in GridCut.Arc.allCases {
                        let (right, down) =
                            switch arc {
                            case .right: (1, 0)
                            case .belowLeft: (-1, 1)
                            case .below: (0, 1)
                            case .belowRight: (1, 1)
                            }
                        guard
                            (0..<width).contains(column + right), row + down < height
                        else { continue }
                        // Some arcs have no capacity.
                        let capacity = max(0, generator.nextIndex(below: greatest + 3) - 3)
                        arcs.append(
                            (
                                column, row, arc, (row + down) * width + column + right,
                                Int32(capacity)
                            ))
                    }
                }
            }
        }

        static func terminals(
            _ count: Int, _ greatest: Int, using generator: inout Xoshiro256
        ) -> [Int32] {
            (0..<count).map { _ in
                Int32(generator.nextIndex(below: 8 * greatest + 1) - 4 * greatest)
            }
        }

        func grid() -> GridCut {
            var grid = GridCut(width: width, height: height)
            for arc in arcs {
                grid.setCapacity(arc.capacity, column: arc.column, row: arc.row, arc.arc)
            }
            return grid
        }

        /// The total capacity of the arcs from the source's side to the sink's.
        func capacity(ofCut isSource: [Bool]) -> Int {
            var sum = 0
            for arc in arcs where isSource[arc.row * width + arc.column] != isSource[arc.other] {
                sum += Int(arc.capacity)
            }
            for (terminal, isSource) in zip(terminals, isSource) {
                sum += max(0, isSource ? -Int(terminal) : Int(terminal))
            }
            return sum
        }

        /// The maximum flow by shortest paths in the matrix of residual capacities (Edmonds and Karp 1972), and the
        /// pixels that the source still reaches.
        func referenceCut() -> (flow: Int, isSource: [Bool]) {
            let count = width * height
            let (source, sink) = (count, count + 1)
            var left = [[Int]](
                repeating: [Int](repeating: 0, count: count + 2), count: count + 2)
            for arc in arcs {
                left[arc.row * width + arc.column][arc.other] += Int(arc.capacity)
                left[arc.other][arc.row * width + arc.column] += Int(arc.capacity)
            }
            for (pixel, terminal) in terminals.enumerated() {
                left[source][pixel] = max(0, Int(terminal))
                left[pixel][sink] = max(0, -Int(terminal))
            }
            var flow = 0
            while true {
                var parents = [Int](repeating: -1, count: count + 2)
                parents[source] = source
                var queue = [source]
                var next = 0
                while next < queue.count {
                    let node = queue[next]
                    next += 1
                    for other in 0..<count + 2 where parents[other] < 0 && left[node][other] > 0 {
                        parents[other] = node
                        queue.append(other)
                    }
                }
                guard parents[sink] >= 0 else {
                    return (flow, parents.prefix(count).map { $0 >= 0 })
                }
                var least = Int.max
                var node = sink
                while node != source {
                    least = min(least, left[parents[node]][node])
                    node = parents[node]
                }
                node = sink
                while node != source {
                    left[parents[node]][node] -= least
                    left[node][parents[node]] += least
                    node = parents[node]
                }
                flow += least
            }
        }
    }

    private func cut(_ grid: inout GridCut, _ problem: Problem) -> (flow: Int, isSource: [Bool]) {
        for (pixel, terminal) in problem.terminals.enumerated() {
            grid.setTerminal(
                terminal, column: pixel % problem.width, row: pixel / problem.width)
        }
        let flow = grid.solve()
        return (
            flow,
            problem.terminals.indices.map {
                grid.isSource(column: $0 % problem.width, row: $0 / problem.width)
            }
        )
    }

    @Test func flowAndCutMatchEdmondsKarp() {
        var generator = Xoshiro256(seed: 5)
        for round in 0..<300 {
            let problem = Problem(
                width: 1 + generator.nextIndex(below: 7), height: 1 + generator.nextIndex(below: 6),
                greatest: [1, 4, 1000][round % 3], using: &generator)
            var grid = problem.grid()
            let found = cut(&grid, problem)
            let expected = problem.referenceCut()
            #expect(found.flow == expected.flow)
            #expect(problem.capacity(ofCut: found.isSource) == expected.flow)
            // The minimum cut with the fewest pixels on the source's side.
            #expect(found.isSource == expected.isSource)
        }
    }

    @Test func terminalsCanBeChangedBetweenCuts() {
        var generator = Xoshiro256(seed: 6)
        for _ in 0..<60 {
            var problem = Problem(width: 6, height: 5, greatest: 9, using: &generator)
            var grid = problem.grid()
            for _ in 0..<4 {
                let found = cut(&grid, problem)
                let expected = problem.referenceCut()
                #expect(problem.capacity(ofCut: found.isSource) == expected.flow)
                #expect(found.isSource == expected.isSource)
                let new = Problem.terminals(30, 9, using: &generator)
                // Some keep their value.
                for pixel in 0..<30 where generator.nextIndex(below: 3) > 0 {
                    problem.terminals[pixel] = new[pixel]
                }
            }
        }
    }
}
