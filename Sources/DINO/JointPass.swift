import Tensors

// Pieces of the pass over all class tokens of a step at once, which joint objectives need.

/// The gradient of the class tokens with respect to the joint objectives.
struct ClassTokenGradient {
    private let rows: [CropIndex: Int]
    private let values: Tensor

    /// - Parameter values: `[places, width]`.
    init(places: [CropIndex], values: Tensor) {
        rows = Dictionary(uniqueKeysWithValues: zip(places, places.indices))
        self.values = values
    }

    subscript(place: CropIndex) -> Int? { rows[place] }

    /// The gradients of some crops, `[places, width]`; zeros for crops that no joint objective uses.
    func rows(of places: [CropIndex]) -> Tensor {
        let width = values.shape[1]
        return Tensor(shape: [places.count, width]) { target in
            values.withUnsafeElements { source in
                for (index, place) in places.enumerated() {
                    for i in 0..<width {
                        target[index * width + i] = rows[place].map { source[$0 * width + i] } ?? 0
                    }
                }
            }
        }
    }
}

/// The heads of a rank's shares together with their inputs, so that the class tokens get a gradient too. The heads are
/// the same, but each share has a gradient of its own.
struct HeadsWithInputs: Module {
    struct Share {
        var head: DINOHead?
        var input: Tensor
    }

    private static let headName = "head"
    private static let inputName = "input"

    var shares: [Share]

    mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        for index in shares.indices {
            if var module = shares[index].head {
                shares[index].head = nil
                defer { shares[index].head = module }
                try module.forEachParameter(under: "\(index).\(Self.headName)", body)
            }
            try body("\(index).\(Self.inputName)", &shares[index].input)
        }
    }

    /// The name of a parameter within its share; nil for an input.
    static func nameInNetwork(_ name: String) -> String? {
        let own = String(name[name.index(after: name.firstIndex(of: ".") ?? name.startIndex)...])
        return own == inputName ? nil : own
    }

    /// The number of parameters of each share, the last of which is the input.
    var parametersPerShare: Int { parameters.count / shares.count }
}
