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
            let total = gradients.total([[elements], [1], [elements]])
            return (rank.sum(own), total)
        }
        for (tensor, total) in results {
            #expect(tensor.elements == expected)
            #expect(total.tensors[0]?.elements == expected)
            #expect(total.tensors[1] == nil)
            #expect(total.tensors[2] == parts[7])
        }
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
