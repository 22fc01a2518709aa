import Images
import Tensors

/// The fixture that `Fixtures/Refinement/make_refinement.py` wrote.
struct RefinementFixture {
    let image: Image
    private let file: TensorFile

    init() throws {
        image = try Image(contentsOf: fixturePath("Refinement/picture.png"))
        file = try TensorFile(contentsOf: fixturePath("Refinement/refinement.safetensors"))
    }

    subscript(name: String) -> Tensor {
        get throws { try file.tensor(named: name) }
    }
}

/// The results of `body` with one, two and five threads.
func withThreadCounts<Result>(_ body: () throws -> Result) rethrows -> [Result] {
    let before = Parallelism.threadCount
    defer { Parallelism.threadCount = before }
    return try [1, 2, 5].map { threads in
        Parallelism.threadCount = threads
        return try body()
    }
}
