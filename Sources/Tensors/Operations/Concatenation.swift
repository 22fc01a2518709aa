import Platform

extension Tensor {
    /// Concatenates tensors along the outermost dimension. Each receives its part of the gradient.
    ///
    /// - Parameter parts: the tensors, in order.
    /// - Precondition: there is at least one part, and all have the same inner dimensions.
    /// - Complexity: O(result); O(1) for a single part.
    public static func concatenated(_ parts: [Tensor]) -> Tensor {
        require(
            !parts.isEmpty
                && parts.allSatisfy {
                    $0.shape.rank > 0
                        && $0.shape.dimensions.dropFirst() == parts[0].shape.dimensions.dropFirst()
                },
            "concatenated: \(parts.map(\.shape))")
        guard parts.count > 1 else { return parts[0] }
        let rows = parts.reduce(0) { $0 + $1.shape[0] }
        var result = Tensor(
            uninitialized: Shape([rows] + parts[0].shape.dimensions.dropFirst()))
        var firstRows: [Int] = []
        var row = 0
        let length = rows > 0 ? result.count / rows : 0
        for part in parts {
            firstRows.append(row)
            withUnsafePointers(writing: &result, reading: part) {
                ($0 + row * length).update(from: $1, count: part.count)
            }
            row += part.shape[0]
        }
        guard let tape = parts.lazy.compactMap({ Tape.of($0) }).first else { return result }
        return tape.record(result) {
            [firstRows, indices = parts.map(\.trace?.index), shapes = parts.map(\.shape)]
            gradient, cotangents in
            for (position, index) in indices.enumerated() where index != nil {
                let first = firstRows[position]
                cotangents.add(
                    gradient.rows(first..<first + shapes[position][0]), to: index)
            }
        }
    }
}
