import Platform

/// Adds up the gradients of a batch's shares in the order of their tree (see `Communicator.sum`).
///
/// The sums of complete subtrees are kept: at most log2(shares) + 1 sets of gradients at a time.
public struct GradientSum {
    private let communicator: any Communicator
    /// For each height the sum of the last complete subtree that awaits its neighbour.
    private var subtrees: [Gradients?] = []
    /// The most floats in one message between ranks; 16 MiB keep the copies small beside the gradients.
    private static let floatsPerMessage = 1 << 22

    /// Creates an empty sum.
    ///
    /// - Parameter communicator: the ranks that hold the shares, as many each.
    public init(across communicator: any Communicator) {
        self.communicator = communicator
    }

    /// Adds the gradients of this rank's next share.
    ///
    /// - Complexity: O(elements), amortised.
    public mutating func add(_ gradients: consuming Gradients) {
        var sum = gradients
        var height = 0
        while height < subtrees.count, var former = subtrees[height].take() {
            former.add(sum)
            sum = former
            height += 1
        }
        if height == subtrees.count { subtrees.append(nil) }
        subtrees[height] = sum
    }

    /// The sum over the shares of all ranks; a parameter without a gradient in any share has none.
    ///
    /// - Parameter shapes: the parameters' shapes, in the module's order.
    /// - Precondition: a power of two of shares has been added.
    /// - Complexity: O(elements); for r ranks each sends 2 (1 - 1/r) times the elements.
    public consuming func total(_ shapes: [Shape]) -> Gradients {
        require(
            subtrees.dropLast().allSatisfy { $0 == nil },
            "GradientSum: the number of shares is not a power of two")
        guard let last = subtrees.indices.last, let sum = subtrees[last].take() else {
            return Gradients(count: shapes.count)
        }
        var gradients = sum
        if communicator.count > 1 { addAcrossRanks(&gradients, shapes) }
        return gradients
    }

    private func addAcrossRanks(_ gradients: inout Gradients, _ shapes: [Shape]) {
        var flags: [UInt8] = gradients.tensors.map { $0 == nil ? 0 : 1 }
        communicator.unite(&flags)
        let used = flags.indices.filter { flags[$0] != 0 }
        for index in used where gradients.tensors[index] == nil {
            // The neutral element of addition: 0 + -0 would be 0.
            gradients.tensors[index] = Tensor(repeating: -0.0, shape: shapes[index])
        }
        let most = min(GradientSum.floatsPerMessage, used.reduce(0) { $0 + shapes[$1].count })
        let message = UnsafeMutableBufferPointer<Float>.allocate(capacity: most)
        defer { message.deallocate() }
        var pieces: [(tensor: Int, start: Int, place: Int, count: Int)] = []
        var filled = 0
        func copy(toMessage: Bool) {
            guard let base = message.baseAddress else { return }
            for piece in pieces {
                guard var tensor = gradients.tensors[piece.tensor].take() else { continue }
                withUnsafePointers(writing: &tensor) {
                    let (own, other) = ($0 + piece.start, base + piece.place)
                    let (source, target) = toMessage ? (own, other) : (other, own)
                    inChunks(of: piece.count) {
                        (target + $0.lowerBound).update(
                            from: source + $0.lowerBound, count: $0.count)
                    }
                }
                gradients.tensors[piece.tensor] = tensor
            }
        }
        func exchange() {
            copy(toMessage: true)
            communicator.sumAcrossRanks(UnsafeMutableBufferPointer(rebasing: message[..<filled]))
            copy(toMessage: false)
            (pieces, filled) = ([], 0)
        }
        for index in used {
            var start = 0
            while start < shapes[index].count {
                let count = min(most - filled, shapes[index].count - start)
                pieces.append((index, start, filled, count))
                filled += count
                start += count
                if filled == most { exchange() }
            }
        }
        if filled > 0 { exchange() }
    }
}
