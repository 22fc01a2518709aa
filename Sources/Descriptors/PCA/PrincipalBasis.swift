import Tensors

/// Principal components of descriptors, either of all of them or of the foreground: fitted to some
/// images, stored in a file, applied to others.
public struct PrincipalBasis: Sendable, Equatable {
    /// Excludes the background; nil if all points were fitted.
    public let separator: ForegroundSeparator?
    /// The components of the fitted points.
    public let components: PrincipalComponents

    /// Fits components to all points of all sets.
    ///
    /// - Parameters:
    ///   - sets: matrices `[points, channels]`.
    ///   - count: the number of components.
    /// - Throws: `PrincipalComponentsError.notFinite` if a coordinate is infinite or NaN.
    /// - Precondition: as `PrincipalComponents.init(of:count:)`.
    public init(of sets: [Tensor], count: Int = 4) throws(PrincipalComponentsError) {
        self.init(separator: nil, components: try PrincipalComponents(of: sets, count: count))
    }

    /// Fits components to the foreground, which is found by the first component of all points and by
    /// saliency; see `ForegroundSeparator`. If that finds no foreground, all points are fitted.
    ///
    /// - Parameters:
    ///   - sets: matrices `[points, channels]`.
    ///   - saliency: for each set one value per point.
    ///   - count: the number of components.
    /// - Throws: `PrincipalComponentsError.notFinite` if a coordinate is infinite or NaN.
    /// - Precondition: as `ForegroundSeparator.init(of:saliency:)`, and there are at least `count`
    ///   channels.
    public init(
        of sets: [Tensor], foregroundBy saliency: [Tensor], count: Int = 4
    ) throws(PrincipalComponentsError) {
        let separator = try ForegroundSeparator(of: sets, saliency: saliency)
        let foreground = sets.map { set in
            let isForeground = separator.isForeground(set)
            return set.samples(isForeground.indices.filter { isForeground[$0] })
        }
        // Nothing is foreground if all points are equal; their components are arbitrary anyway.
        let isEmpty = foreground.allSatisfy { $0.shape[0] == 0 }
        self.init(
            separator: separator,
            components: try PrincipalComponents(of: isEmpty ? sets : foreground, count: count))
    }

    private init(separator: ForegroundSeparator?, components: PrincipalComponents) {
        self.separator = separator
        self.components = components
    }

    /// The points' coordinates along the components; see `PrincipalComponents.projected(_:)`.
    ///
    /// - Parameter points: `[…, channels]`.
    /// - Returns: `[…, components]`; NaN for points of the background.
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
    /// Writes the basis as a safetensors file with the tensors `mean`, `directions` and `variances`, whose
    /// last element is the total variance. A separator adds the same tensors with the prefix `separator.`,
    /// and `separator.threshold`.
    ///
    /// - Parameters:
    ///   - path: the file to write.
    ///   - metadata: short texts for the file's header.
    /// - Throws: `TensorFileError` if the file cannot be written.
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

    /// Reads a file written by `write(to:metadata:)`.
    ///
    /// - Throws: `TensorFileError` if the file cannot be read or does not contain a valid basis.
    public init(contentsOf path: String) throws(TensorFileError) {
        try self.init(TensorFile(contentsOf: path))
    }

    /// Reads the basis from an open file.
    ///
    /// - Throws: `TensorFileError` if the file does not contain a valid basis.
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
                reason: "\(name) is \(shape); expected [components, channels], with at most as many"
                    + " components as channels")
        }
        let variances = try file.tensor(named: prefix + "variances", shape: [shape[0] + 1])
            .elements
        // The tolerance allows for rounded sums of 32-bit floats.
        guard variances.allSatisfy({ $0 >= 0 }),
            variances.dropLast().reduce(0, +) <= variances[shape[0]] * 1.001
        else {
            throw .unsupported(
                path: file.path,
                reason:
                    "\(prefix)variances are \(variances.dropLast()) of a total of \(variances[shape[0]]);"
                    + " expected parts of the total, none negative")
        }
        let directions = try file.tensor(named: name, shape: shape)
        guard directions.hasOrthonormalRows else {
            throw .unsupported(
                path: file.path,
                reason: "\(name) are not orthonormal")
        }
        self.init(
            mean: try file.tensor(named: prefix + "mean", shape: [shape[1]]),
            directions: directions, variances: Array(variances.dropLast()),
            totalVariance: variances[shape[0]])
    }
}

extension TensorFile {
    /// Reads a tensor and checks that it has a given shape and is finite.
    fileprivate func tensor(named name: String, shape: Shape) throws(TensorFileError) -> Tensor {
        if let found = self.shape(of: name), found != shape {
            throw .unsupported(path: path, reason: "\(name) is \(found); expected \(shape)")
        }
        let tensor = try tensor(named: name)
        guard tensor.isFinite else {
            throw .unsupported(path: path, reason: "\(name) is not finite")
        }
        return tensor
    }
}

extension Tensor {
    /// Whether the rows of a matrix are orthonormal, within rounding.
    /// Complexity: O(rows² columns).
    fileprivate var hasOrthonormalRows: Bool {
        let rows = shape[0]
        let products = linear(weight: self).elements
        return products.indices.allSatisfy { index in
            abs(products[index] - (index / rows == index % rows ? 1 : 0)) < 1e-3
        }
    }
}
