import Tensors

/// Principal components of descriptors, of all of them or of the foreground alone: fitted on some
/// images, kept in a file, applied to others.
public struct PrincipalBasis: Sendable, Equatable {
    /// What leaves the background out; nil where nothing is.
    public let separator: ForegroundSeparator?
    public let components: PrincipalComponents

    /// The components of all points; see `PrincipalComponents.init(of:count:)`.
    public init(of sets: [Tensor], count: Int = 4) throws(PrincipalComponentsError) {
        self.init(separator: nil, components: try PrincipalComponents(of: sets, count: count))
    }

    /// The components of the foreground, told by the first component of all points and by saliency;
    /// see `ForegroundSeparator`.
    public init(
        of sets: [Tensor], foregroundBy saliency: [Tensor], count: Int = 4
    ) throws(PrincipalComponentsError) {
        let separator = try ForegroundSeparator(of: sets, saliency: saliency)
        let foreground = sets.map { $0.gathering(separator.isForeground($0)) }
        // Points that are all the same are no foreground: they have no components either.
        let isEmpty = foreground.allSatisfy { $0.shape[0] == 0 }
        self.init(
            separator: separator,
            components: try PrincipalComponents(of: isEmpty ? sets : foreground, count: count))
    }

    private init(separator: ForegroundSeparator?, components: PrincipalComponents) {
        self.separator = separator
        self.components = components
    }

    /// The points' coordinates, `[…, components]` of `[…, channels]`: see
    /// `PrincipalComponents.projected(_:)`. Those of the background are not a number.
    public func projected(_ points: Tensor) -> Tensor {
        var result = components.projected(points)
        guard let separator else { return result }
        let isForeground = separator.isForeground(points)
        result.withUnsafeMutableElements { elements in
            for (point, isForeground) in isForeground.enumerated() where !isForeground {
                for at in point * components.count..<(point + 1) * components.count {
                    elements[at] = .nan
                }
            }
        }
        return result
    }
}

extension PrincipalBasis {
    /// Writes the basis as a safetensors file: `mean`, `directions`, `variances` (the last of them
    /// the sum of all there are), and those of the separator with its `separator.threshold`.
    ///
    /// - Parameter metadata: short texts kept in the file's header.
    public func write(
        to path: String, metadata: [String: String] = [:]
    ) throws(TensorFileError) {
        var tensors = components.tensors(prefix: "")
        if let separator {
            tensors.merge(separator.component.tensors(prefix: "separator.")) { $1 }
            tensors["separator.threshold"] = Tensor([separator.threshold], shape: [1])
        }
        try Safetensors.write(tensors, metadata: metadata, to: path)
    }

    /// Reads what `write(to:metadata:)` wrote.
    ///
    /// - Throws: where the file cannot be read, or its tensors make no basis.
    public init(contentsOf path: String) throws(TensorFileError) {
        try self.init(TensorFile(contentsOf: path))
    }

    /// Reads the basis out of a file that has been opened.
    public init(_ file: TensorFile) throws(TensorFileError) {
        components = try PrincipalComponents(file, prefix: "")
        guard file.shape(of: "separator.threshold") != nil else {
            separator = nil
            return
        }
        let component = try PrincipalComponents(file, prefix: "separator.")
        let threshold = try file.tensor(named: "separator.threshold", shape: [1])
        guard component.count == 1, component.channels == components.channels else {
            throw .unsupported(
                path: file.path,
                reason: "its separator has directions \(component.directions.shape); expected"
                    + " [1, \(components.channels)]")
        }
        separator = ForegroundSeparator(component: component, threshold: threshold[0])
    }
}

extension PrincipalComponents {
    fileprivate func tensors(prefix: String) -> [String: Tensor] {
        [
            prefix + "mean": mean, prefix + "directions": directions,
            prefix + "variances": Tensor(variances + [totalVariance], shape: [count + 1]),
        ]
    }

    fileprivate init(_ file: TensorFile, prefix: String) throws(TensorFileError) {
        let name = prefix + "directions"
        guard let shape = file.shape(of: name) else {
            throw .noSuchTensor(path: file.path, name: name)
        }
        guard shape.rank == 2, shape.count > 0, shape[0] <= shape[1] else {
            throw .unsupported(
                path: file.path,
                reason: "\(name) is \(shape); expected [components, channels], no more"
                    + " components than channels")
        }
        let variances = try file.tensor(named: prefix + "variances", shape: [shape[0] + 1])
            .elements
        // Sums of float32, which round.
        guard variances.allSatisfy({ $0 >= 0 }),
            variances.dropLast().reduce(0, +) <= variances[shape[0]] * 1.001
        else {
            throw .unsupported(
                path: file.path,
                reason:
                    "\(prefix)variances are \(variances.dropLast()) of \(variances[shape[0]]) in all;"
                    + " expected parts of it that are not negative")
        }
        let directions = try file.tensor(named: name, shape: shape)
        guard directions.hasOrthonormalRows else {
            throw .unsupported(
                path: file.path,
                reason: "\(name) are not of length 1 and at right angles to each other")
        }
        self.init(
            mean: try file.tensor(named: prefix + "mean", shape: [shape[1]]),
            directions: directions, variances: Array(variances.dropLast()),
            totalVariance: variances[shape[0]])
    }
}

extension TensorFile {
    /// A tensor that must have a shape, and numbers in it.
    fileprivate func tensor(named name: String, shape: Shape) throws(TensorFileError) -> Tensor {
        if let found = self.shape(of: name), found != shape {
            throw .unsupported(path: path, reason: "\(name) is \(found); expected \(shape)")
        }
        let tensor = try tensor(named: name)
        guard tensor.isFinite else {
            throw .unsupported(path: path, reason: "\(name) holds what is no finite number")
        }
        return tensor
    }
}

extension Tensor {
    /// Whether the rows of a matrix have length 1 and are at right angles, but for rounding.
    /// Complexity: O(rows² columns).
    fileprivate var hasOrthonormalRows: Bool {
        let rows = shape[0]
        let products = linear(weight: self).elements
        return products.indices.allSatisfy { index in
            abs(products[index] - (index / rows == index % rows ? 1 : 0)) < 1e-3
        }
    }

    /// The rows of a matrix for which there is true.
    fileprivate func gathering(_ isTaken: [Bool]) -> Tensor {
        let width = shape[1]
        let rows = isTaken.indices.filter { isTaken[$0] }
        return withUnsafeElements { source in
            Tensor(shape: [rows.count, width]) { target in
                for (index, row) in rows.enumerated() {
                    for at in 0..<width { target[index * width + at] = source[row * width + at] }
                }
            }
        }
    }
}
