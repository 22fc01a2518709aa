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

/// A head together with its input, so that the class tokens get a gradient too.
struct HeadWithInput: Module {
    static let inputName = "input"

    var head: DINOHead?
    var input: Tensor

    mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        if var module = head {
            head = nil
            defer { head = module }
            try module.forEachParameter(under: "head", body)
        }
        try body(Self.inputName, &input)
    }
}
