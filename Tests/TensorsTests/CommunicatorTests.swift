import Tensors
import Testing

@Suite struct CommunicatorTests {
    private struct Broken: Error {}

    @Test(arguments: [1, 2, 3, 5, 8])
    func gathersAndBroadcasts(count: Int) throws {
        let results = try ThreadCommunicator.run(count) { rank in
            let all = rank.gather([UInt8](repeating: UInt8(rank.rank), count: rank.rank % 3))
            let first = rank.broadcast(rank.rank == 0 ? [7, 8] : [])
            var flags: [UInt8] = [rank.rank == count - 1 ? 1 : 0, 0, rank.rank == 0 ? 2 : 4]
            rank.unite(&flags)
            rank.barrier()
            return (all, first, flags)
        }
        for (all, first, flags) in results {
            #expect(all == (0..<count).map { [UInt8](repeating: UInt8($0), count: $0 % 3) })
            #expect(first == [7, 8])
            #expect(flags == [1, 0, count > 1 ? 6 : 2])
        }
    }

    /// Against sums in the order of the tree, whose rounding differs from others'.
    @Test(arguments: [1, 2, 4, 8], [1, 3, 1000])
    func sumsFollowTheTree(count: Int, elements: Int) throws {
        var generator = SplitMix64(seed: 3)
        let parts = (0..<8).map { _ in
            Tensor.uniform([elements], in: -1...1, using: &generator)
        }
        func sum(_ range: Range<Int>, _ index: Int) -> Float {
            guard range.count > 1 else { return parts[range.lowerBound][index] }
            let middle = (range.lowerBound + range.upperBound) / 2
            return sum(range.lowerBound..<middle, index) + sum(middle..<range.upperBound, index)
        }
        let expected = (0..<elements).map { sum(0..<8, $0) }
        let results = try ThreadCommunicator.run(count) { rank in
            let size = 8 / count
            let own = Array(parts[rank.rank * size..<(rank.rank + 1) * size])
            var gradients = GradientSum(across: rank)
            for (index, part) in own.enumerated() {
                var share = Gradients(count: 3)
                share.tensors[0] = part
                // A parameter that only the last share depends on.
                if rank.rank == count - 1 && index == size - 1 { share.tensors[2] = part }
                gradients.add(share)
            }
            return (rank.sum(own), gradients.total([[elements], [1], [elements]]))
        }
        for (tensor, total) in results {
            #expect(tensor.elements == expected)
            #expect(total.tensors[0]?.elements == expected)
            #expect(total.tensors[1] == nil)
            #expect(total.tensors[2] == parts[7])
        }
    }

    /// In messages of any size, a parameter may be completed long before the others.
    @Test(arguments: [1, 2, 4], [1, 100, 250, 1000])
    func lastShareIsAddedParameterByParameter(count: Int, floatsPerMessage: Int) throws {
        var generator = SplitMix64(seed: 5)
        let shapes: [Shape] = [[30], [200], [7, 50], [2], [90], [400]]
        let shares = (0..<4).map { share in
            var gradients = Gradients(count: shapes.count)
            for (index, shape) in shapes.enumerated() where index != 3 && index != 1 + share {
                gradients.tensors[index] = .uniform(shape, in: -1...1, using: &generator)
            }
            return gradients
        }
        var expected = shares[0]
        expected.add(shares[1])
        var right = shares[2]
        right.add(shares[3])
        expected.add(right)
        let results = try ThreadCommunicator.run(count) { rank in
            let size = 4 / count
            let own = Array(shares[rank.rank * size..<(rank.rank + 1) * size])
            var sum = GradientSum(across: rank)
            for share in own.dropLast() { sum.add(share) }
            let total = sum.completing(shapes, floatsPerMessage: floatsPerMessage)
            // Each rank completes them in another order.
            for index in [4, 5, 1, 0, 3, 2].map({ ($0 + rank.rank) % 6 }) {
                total.add(own[size - 1].tensors[index], at: index)
            }
            return total.total()
        }
        for result in results { #expect(result.tensors == expected.tensors) }
    }

    @Test func failureOfOneIsThrownEverywhere() throws {
        let texts = try ThreadCommunicator.run(3) { rank -> String in
            do {
                try rank.together { () throws -> Void in if rank.rank == 1 { throw Broken() } }
                return "none"
            } catch {
                return "\(error)"
            }
        }
        #expect(
            texts == ["rank 1 on thread 1: Broken()", "Broken()", "rank 1 on thread 1: Broken()"])
    }
}
