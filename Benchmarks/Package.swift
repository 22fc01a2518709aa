// swift-tools-version: 6.0

import PackageDescription

// A separate package, so that clients of the library do not resolve its dependencies.
let package = Package(
    name: "Benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "dino-vit", path: ".."),
        .package(url: "https://github.com/google/swift-benchmark", from: "0.1.2"),
    ],
    targets: [
        // Inputs and training steps, shared by the two below.
        .target(
            name: "Cases",
            dependencies: [
                .product(name: "Tensors", package: "dino-vit"),
                .product(name: "Images", package: "dino-vit"),
                .product(name: "ViT", package: "dino-vit"),
                .product(name: "DINO", package: "dino-vit"),
            ]),
        // The suites: `swift run -c release --package-path Benchmarks benchmarks`.
        .executableTarget(
            name: "benchmarks",
            dependencies: [
                "Cases",
                .product(name: "Benchmark", package: "swift-benchmark"),
                .product(name: "Tensors", package: "dino-vit"),
                .product(name: "Images", package: "dino-vit"),
                .product(name: "ViT", package: "dino-vit"),
                .product(name: "DINO", package: "dino-vit"),
                .product(name: "Descriptors", package: "dino-vit"),
            ]),
        // This package's side of `compare`: stays alive and times one piece of work per request.
        .executableTarget(
            name: "worker",
            dependencies: [
                "Cases",
                .product(name: "Tensors", package: "dino-vit"),
                .product(name: "Images", package: "dino-vit"),
                .product(name: "ViT", package: "dino-vit"),
                .product(name: "DINO", package: "dino-vit"),
                .product(name: "Descriptors", package: "dino-vit"),
            ]),
    ]
)
