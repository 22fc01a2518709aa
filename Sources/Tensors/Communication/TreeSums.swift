import Platform

// Sums over the shares of a batch. Shares are the leaves of a binary tree: neighbours are added, then the sums of
// neighbouring pairs, and so on. Each rank holds the shares of one subtree and adds them up by itself; the upper levels
// of the tree are the sums between ranks. Hence a sum is bit-identical for any number of ranks.

extension Communicator {
    /// The sum of tensors over all shares, on all ranks.
    ///
    /// - Parameter parts: those of this rank's shares, in order; their number is a power of two, and so is that of the ranks.
    /// - Complexity: O(elements), and for r ranks 2 log2(r) messages of together 2 (1 - 1/r) times the elements.
    public func sum(_ parts: [Tensor]) -> Tensor {
        var sum = sumOfTree(parts) { $0.add($1) }
        guard count > 1 else { return sum }
        sum.withUnsafeMutableElements { sumAcrossRanks($0) }
        return sum
    }

    /// The sums of double-precision numbers over all shares, on all ranks; as for tensors.
    ///
    /// - Parameter parts: the numbers of each of this rank's shares, equally many for each.
    public func sum(_ parts: [[Double]]) -> [Double] {
        var sums = sumOfTree(parts) { sum, next in
            for index in sum.indices { sum[index] += next[index] }
        }
        if count > 1 { sums.withUnsafeMutableBufferPointer { sumAcrossRanks($0) } }
        return sums
    }

    /// The largest of some numbers over all ranks; -infinity if there are none.
    package func maximum(_ values: [Float]) -> Float {
        let own = values.max() ?? -.infinity
        return count > 1 ? gather([own]).reduce(own) { max($0, $1[0]) } : own
    }

    /// Adds up the ranks' numbers in place: pairs of ranks exchange the halves of their numbers, each adding one half, then
    /// pairs at twice the distance the halves of those, and so on; then the sums go back the same way.
    func sumAcrossRanks<Number: FloatingPoint>(_ numbers: UnsafeMutableBufferPointer<Number>) {
        require(
            count > 0 && count & (count - 1) == 0, "sum: \(count) ranks are not a power of two")
        guard let base = numbers.baseAddress, count > 1 else { return }
        func bytes(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
            UnsafeMutableRawBufferPointer(
                UnsafeMutableBufferPointer(start: base + range.lowerBound, count: range.count))
        }
        let received = UnsafeMutableBufferPointer<Number>.allocate(
            capacity: (numbers.count + 1) / 2)
        defer { received.deallocate() }
        guard let other = received.baseAddress else { return }
        nonisolated(unsafe) let (sums, others) = (base, other)
        var range = 0..<numbers.count
        var steps: [(kept: Range<Int>, sent: Range<Int>, partner: Int)] = []
        var distance = 1
        while distance < count {
            let partner = rank ^ distance
            let middle = range.lowerBound + range.count / 2
            let halves = (range.lowerBound..<middle, middle..<range.upperBound)
            let (kept, sent) = rank < partner ? halves : (halves.1, halves.0)
            exchange(
                UnsafeRawBufferPointer(bytes(sent)),
                UnsafeMutableRawBufferPointer(
                    UnsafeMutableBufferPointer(start: other, count: kept.count)),
                with: partner)
            inChunks(of: kept.count) { for i in $0 { sums[kept.lowerBound + i] += others[i] } }
            steps.append((kept, sent, partner))
            range = kept
            distance *= 2
        }
        for (kept, sent, partner) in steps.reversed() {
            exchange(UnsafeRawBufferPointer(bytes(kept)), bytes(sent), with: partner)
        }
    }
}

/// Adds neighbours, then the sums of neighbouring pairs, and so on.
///
/// - Precondition: the number of parts is a power of two.
private func sumOfTree<Part>(_ parts: [Part], _ add: (inout Part, Part) -> Void) -> Part {
    require(
        parts.count > 0 && parts.count & (parts.count - 1) == 0,
        "sum: \(parts.count) shares are not a power of two")
    var parts = parts
    while parts.count > 1 {
        parts = stride(from: 0, to: parts.count, by: 2).map {
            var sum = parts[$0]
            add(&sum, parts[$0 + 1])
            return sum
        }
    }
    return parts[0]
}
